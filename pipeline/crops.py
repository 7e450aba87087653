"""Cuts the jersey region out of each tracked box and says how good the cut is."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.patches import Patch
from pipeline.types import Crop, FloatArray, Frame, TrackedBoxes, UInt8Image
from recognizer.checks import require_range
from recognizer.localizer import SURROUNDINGS

NUMBER_ZONE = (0.25, 0.19, 0.79, 0.43)
"""Where a back number stands on a standing player's box (left, top, right, bottom as shares of the box), from
13,284 broadcast crops: centre x 0.52, y 0.31, width 0.43, height 0.20, with a little margin."""

GEOMETRY = ("side_of_height", "side_of_width", "centre_y", "top_slack")
"""Crop settings that change what a region shows."""
_STANDING_ASPECT = 0.45
"""Width of a standing or running player's box as a share of its height (median 57 x 127 px of the same crops)."""
_EDGE = 2.0
"""Boxes that end within so many pixels of the frame's lower edge are cut off by it."""
_SHARPNESS_SIDE = 32
_SHARPNESS_HALF = 200.0


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How the jersey region is cut. The recognizer is trained on regions of exactly this geometry."""

    side_of_height: float = 0.35
    """Side of the square region as a share of the box height (a standing player)."""
    side_of_width: float = 0.45
    """Least side as a share of the box width (a crouching player, or one cut by the frame's edge)."""
    centre_y: float = 0.32
    """Height of the region's centre in the box, 0 (head) to 1 (feet)."""
    top_slack: float = 0.03
    """How far the region may reach above the box, as a share of the box height."""
    min_side: float = 12.0
    """Regions with a shorter side (pixels) give no crop: their digits would be under 5 px high."""
    full_side: float = 48.0
    """Side in pixels from which size no longer lowers the quality."""

    def __post_init__(self) -> None:
        for name in ("side_of_height", "side_of_width", "centre_y"):
            if not 0.0 < getattr(self, name) <= 1.5:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed is above 0 up to 1.5")
        require_range("top_slack", self.top_slack, 0, 1)
        for name in ("min_side", "full_side"):
            require_range(name, getattr(self, name), 1, 4096)


def complete_cut_off(xyxy: FloatArray, frame_height: int) -> FloatArray:
    """Give boxes that the lower edge of the frame cuts off the height of the whole player.

    Their width tells how tall the player is: a standing player's box is about 0.45 times as wide as high. Without this
    the head of a player shown from the chest up would be taken for the jersey.

    >>> complete_cut_off(np.array([[0, 60, 45, 100], [0, 0, 40, 90]], np.float32), 100).tolist()
    [[0.0, 60.0, 45.0, 160.0], [0.0, 0.0, 40.0, 90.0]]

    Args:
        xyxy: float32 (N, 4) player boxes, pixels.
        frame_height: of the picture they were found in, pixels.

    Returns:
        float32 (N, 4); only the lower edge of boxes that touch the frame's may have moved, downwards.
    """
    left, top, right, bottom = xyxy.T
    standing = top + (right - left) / _STANDING_ASPECT
    touches = bottom >= frame_height - _EDGE
    lower = np.where(touches, np.maximum(bottom, standing), bottom)
    return np.stack([left, top, right, lower], axis=1).astype(np.float32)


def jersey_regions(xyxy: FloatArray, settings: CropSettings) -> FloatArray:
    """Square upper-body regions of player boxes.

    >>> jersey_regions(np.array([[0, 0, 40, 100]], np.float32), CropSettings()).tolist()
    [[2.5, 14.5, 37.5, 49.5]]

    Args:
        xyxy: float32 (N, 4) player boxes, pixels.
        settings: the geometry.

    Returns:
        float32 (N, 4) squares, pixels; they may reach outside the frame.
    """
    left, top, right, bottom = xyxy.T
    width, height = right - left, bottom - top
    side = np.maximum(settings.side_of_height * height, settings.side_of_width * width)
    region_top = np.maximum(top + settings.centre_y * height - side / 2, top - settings.top_slack * height)
    region_left = (left + right - side) / 2
    return np.stack([region_left, region_top, region_left + side, region_top + side], axis=1).astype(np.float32)


def cut_square(image: UInt8Image, square: FloatArray) -> UInt8Image:
    """Pixels of a square region; what lies outside the image is black.

    Args:
        image: uint8 (H, W, 3), any channel order.
        square: float32 (4,) xyxy, pixels; rounded to whole pixels.

    Returns:
        uint8 (side, side, 3), a copy with the image's channel order.
    """
    left, top, side = whole_pixels(square)
    height, width = image.shape[:2]
    cut = np.zeros((side, side, 3), np.uint8)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x0 < x1 and y0 < y1:
        cut[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return cut


def patch_of(frame: Frame, square: FloatArray) -> Patch | None:
    """The region that `cut_square` cuts, where the frame is on the device; None where it is not.

    Args:
        frame: the picture.
        square: float32 (4,) xyxy, pixels; at least partly inside the frame.
    """
    return None if frame.on_device is None else Patch.of(frame.on_device, *whole_pixels(square))


def surroundings_of(square: FloatArray) -> FloatArray:
    """What is round a square region: in whole pixels, so that the region lies in its middle to the pixel.

    Args:
        square: float32 (4,) xyxy, pixels.

    Returns:
        float32 (4,), `SURROUNDINGS` times as large.
    """
    left, top, side = whole_pixels(square)
    margin = round((SURROUNDINGS - 1.0) / 2 * side)
    return np.array([left - margin, top - margin, left + side + margin, top + side + margin], np.float32)


def edges_within(box: FloatArray, square: FloatArray) -> tuple[float, float]:
    """Left and right edge of a box, as shares of a square's side; both float32 (4,) xyxy.

    >>> edges_within(np.array([15, 0, 20, 40], np.float32), np.array([10, 0, 30, 20], np.float32))
    (0.25, 0.5)
    """
    left, right = ((box[[0, 2]] - square[0]) / (square[2] - square[0])).tolist()
    return left, right


def whole_pixels(square: FloatArray) -> tuple[int, int, int]:
    """Left, top and side of a square region in whole pixels."""
    left, top = np.round(square[:2]).astype(int).tolist()
    return left, top, max(1, round(float(square[2] - square[0])))


def hidden_shares(xyxy: FloatArray) -> FloatArray:
    """Share of each player's number zone that other players' boxes cover, 0 to 1.

    A box that reaches further down the picture stands nearer to the camera and hides the number in full; one behind
    counts a third, because boxes are no silhouettes.

    Args:
        xyxy: float32 (N, 4) player boxes of one frame.

    Returns:
        float32 (N,), the largest share over the other boxes.
    """
    count = len(xyxy)
    if count < 2:
        return np.zeros((count,), np.float32)
    size = np.concatenate([xyxy[:, 2:] - xyxy[:, :2]] * 2, axis=1)
    zone = np.concatenate([xyxy[:, :2]] * 2, axis=1) + np.array(NUMBER_ZONE, np.float32) * size
    shared_min = np.minimum(zone[:, None, 2:], xyxy[None, :, 2:])
    shared_max = np.maximum(zone[:, None, :2], xyxy[None, :, :2])
    shared = np.prod(np.clip(shared_min - shared_max, 0, None), axis=2)
    share = shared / np.maximum(np.prod(zone[:, 2:] - zone[:, :2], axis=1), 1e-6)[:, None]
    in_front = xyxy[None, :, 3] > xyxy[:, None, 3]
    share = np.where(in_front, share, share / 3)
    np.fill_diagonal(share, 0.0)
    return np.asarray(np.clip(share.max(axis=1), 0.0, 1.0), np.float32)


def sharpness(rgb: UInt8Image) -> float:
    """How much fine detail the middle of a crop holds, 0 (flat or blurred) to 1.

    Variance of the Laplacian at a fixed size (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield
    microscopy"), squashed by v / (v + half).
    """
    side = rgb.shape[0]
    middle = rgb[side // 5 : max(side - side // 5, side // 5 + 1), side // 5 : max(side - side // 5, side // 5 + 1)]
    grey = cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SHARPNESS_SIDE, _SHARPNESS_SIDE), interpolation=cv2.INTER_AREA)
    variance = float(cv2.Laplacian(small, cv2.CV_32F).var())
    return variance / (variance + _SHARPNESS_HALF)


def cut_crops(frame: Frame, boxes: TrackedBoxes, settings: CropSettings, *, surroundings: bool = False) -> list[Crop]:
    """Jersey crops of one frame, with quality = size x sharpness x visibility x share inside the frame.

    Args:
        frame: the picture.
        boxes: tracked players in it.
        settings: geometry and limits.
        surroundings: whether to cut what is round each region too, where the number may be looked for.

    Returns:
        One crop for each box that is large enough, in the boxes' order.
    """
    if len(boxes) == 0:
        return []
    width, height = frame.size
    regions = jersey_regions(complete_cut_off(boxes.xyxy, height), settings)
    hidden = hidden_shares(boxes.xyxy)
    limits = np.array([width, height, width, height], np.float32)
    crops = []
    each = zip(boxes.track_id.tolist(), boxes.xyxy, regions, hidden.tolist(), strict=True)
    for track_id, box, region, hidden_share in each:
        side = float(region[2] - region[0])
        inside = np.clip(region, 0, limits)
        inside_share = float(np.prod(np.clip(inside[2:] - inside[:2], 0, None))) / max(side * side, 1e-6)
        if side < settings.min_side or inside_share < 0.3:
            continue
        square = surroundings_of(region) if surroundings else region
        cut = np.ascontiguousarray(cut_square(frame.bgr, square)[:, :, ::-1])
        rgb = _middle(cut, whole_pixels(region)[2])
        size_share = min(1.0, side / settings.full_side)
        quality = size_share * sharpness(rgb) * (1.0 - hidden_share) * inside_share
        quality = min(1.0, max(0.0, quality))
        seen = track_id, frame.index, frame.time_seconds, rgb, quality
        own = edges_within(box, square)
        crops.append(Crop(*seen, cut if surroundings else None, own, patch_of(frame, square)))
    return crops


def _middle(image: UInt8Image, side: int) -> UInt8Image:
    """The middle of a square picture; it shares its memory."""
    start = (image.shape[0] - side) // 2
    return image[start : start + side, start : start + side]
