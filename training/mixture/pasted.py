"""Real cut-out numbers laid onto the torsos of other players."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from pipeline.types import FloatArray, UInt8Image
from training.mixture.composition import Composer
from training.mixture.placing import SIDE, bounds, broadcast_place, number_centre, number_height, square_to
from training.mixture.regions import Region, squared
from training.mixture.sources import BARE_SHARE, TIGHT_SHARE, Regions
from training.synthesis.cloth import Torso, recolour
from training.synthesis.looks import Rng
from training.synthesis.shirts import dye, place_mask, shirt_zone


class PasteSource:
    """Real cut-out numbers laid onto torsos dyed in the colour of their shirt.

    Args:
        crops: tracklets by number, each of pictures of one shirt in order of time, uint8 (h, w, 3) RGB; a picture
            without neighbours is a tracklet of its own.
        torsos: what they are laid onto.
        torso_share: share of a region that the torso fills.
        tight_share: share of the windows that show hardly more than the number.
        composed_share: share of the windows with a number composed of the digits of two others.
        lone_tens: whether these may be two that stand alone.
        bare: torsos wiped of what was printed on them, for `BARE_SHARE` of the windows that are not tight.
    """

    def __init__(
        self,
        crops: Mapping[str, Sequence[Sequence[UInt8Image]]],
        torsos: Regions,
        *,
        torso_share: float = 1.0,
        tight_share: float = TIGHT_SHARE,
        composed_share: float = 0.0,
        lone_tens: bool = False,
        bare: Sequence[Torso] = (),
    ) -> None:
        self._torso_share = torso_share
        self._tight_share = tight_share
        self._composer = Composer(crops if composed_share > 0.0 else {}, lone_tens=lone_tens)
        self._composed_share = composed_share if self._composer.numbers else 0.0
        self._by_picture = {
            number: [tracklet for tracklet in tracklets for _ in tracklet] for number, tracklets in crops.items()
        }
        self._numbers = sorted(number for number, tracklets in self._by_picture.items() if tracklets)
        self._torsos = torsos
        self._bare = list(bare)

    def window(self, rng: Rng, length: int, side: int) -> tuple[list[Region], str | None]:
        """See Source; a window shows neighbours in time of one tracklet, the last one again where it is shorter."""
        chosen, number = self._pictures(rng, length)
        if rng.random() < self._tight_share:
            stretched = rng.random() < 0.5
            return [squared(picture, stretched) for picture in chosen], number
        share = self._torso_share
        if self._bare and rng.random() < BARE_SHARE:
            bare = self._bare[int(rng.integers(len(self._bare)))]
            centre, height = broadcast_place(rng, share)
            return [_paste(p, recolour(rng, bare, _cloth(p)), centre, height, 0.75 * share) for p in chosen], number
        torso = square_to(self._torsos[int(rng.integers(len(self._torsos)))], SIDE)
        zone = shirt_zone(SIDE, rng, share)
        height, centre = number_height(rng, side, 0.7, share), number_centre(rng, share)
        grounds = [dye(torso, zone, _cloth(picture), float(rng.uniform(0.2, 0.9))) for picture in chosen]
        return [_paste(p, g, centre, height, 0.75 * share) for p, g in zip(chosen, grounds, strict=True)], number

    def _pictures(self, rng: Rng, length: int) -> tuple[list[UInt8Image], str]:
        if rng.random() < self._composed_share:
            return self._composer.compose(rng, length)
        number = self._numbers[int(rng.integers(len(self._numbers)))]
        likely = self._by_picture[number]  # a tracklet as often as it has pictures
        pictures = likely[int(rng.integers(len(likely)))]
        first = int(rng.integers(max(1, len(pictures) - length + 1)))
        return [pictures[min(first + k, len(pictures) - 1)] for k in range(length)], number


def _cloth(patch: UInt8Image) -> FloatArray:
    """Colour (3,) of the cloth round a number cut out."""
    border = np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]]).astype(np.float32)
    return np.asarray(np.median(border, axis=0), np.float32)


def _paste(patch: UInt8Image, ground: UInt8Image, centre: tuple[float, float], height: float, widest: float) -> Region:
    feather = np.zeros(patch.shape[:2], np.float32)
    edge_y, edge_x = max(1, patch.shape[0] // 12), max(1, patch.shape[1] // 12)
    feather[edge_y:-edge_y, edge_x:-edge_x] = 1.0
    feather = np.asarray(cv2.GaussianBlur(feather, (0, 0), max(0.5, patch.shape[0] / 20)), np.float32)
    width = patch.shape[1] / patch.shape[0] * height
    height = height if width < widest else height * widest / width
    placed = [place_mask(np.ascontiguousarray(c), SIDE, centre, height, 0.0, 0.0) for c in _planes(patch)]
    alpha = place_mask(feather, SIDE, centre, height, 0.0, 0.0)[:, :, None]
    out = ground * (1 - alpha) + np.stack(placed, axis=2) * alpha
    return Region(np.clip(out, 0, 255).astype(np.uint8), bounds(alpha[:, :, 0]), ground)


def _planes(patch: UInt8Image) -> list[FloatArray]:
    return [patch[:, :, channel].astype(np.float32) for channel in range(3)]
