"""Draws tracked players with their numbers: pictures in, pictures out, sized to the frame and calm over time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.drawing.places import Array, apart, hidden
from pipeline.drawing.placing import Placer
from pipeline.drawing.tags import NEUTRAL, Bitmap, Colour, TagCache, display_colour, outline_of
from pipeline.types import TrackedBoxes, UInt8Image

_RESIZE = 0.2  # a tag keeps its text size until the box asks for one this much larger or smaller
_TIED = 0.3  # a tag further from its box than this share of its own height is tied to it
_SAME_PLAYER = 0.5  # boxes with one kit and number are one player's where one covers more than this share of the other
_QUIET = 0.6  # opacity of the box of a player without a number

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Label:
    """What is shown with a track."""

    number: str | None
    """Jersey number, or None: the player gets a quiet box and no tag."""
    confidence: float
    """0 to 1, shown in percent beside a number."""
    team_rgb: Colour | None
    """Kit colour, 0 to 255 each, or None if no team is known."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"Label.confidence is {self.confidence}, expected 0 to 1")


_NO_LABEL = Label(None, 0.0, None)


class _Seen(NamedTuple):
    """A player in the picture."""

    track: int
    label: Label
    box: Box


class Annotator:
    """Draws boxes, tags and track ids; remembers their places between pictures of one video.

    Example:
        >>> annotator = Annotator((1280, 720))
        >>> bgr, xyxy = np.zeros((720, 1280, 3), np.uint8), np.array([[100, 200, 160, 360]], np.float32)
        >>> boxes = TrackedBoxes(xyxy, np.array([0.9], np.float32), np.array([3]))
        >>> annotator.draw(bgr, boxes, {3: Label("10", 0.97, (20, 60, 160))}).shape
        (720, 1280, 3)
    """

    def __init__(self, frame_size: tuple[int, int]) -> None:
        """Prepare for one video.

        Args:
            frame_size: Width and height of its pictures, pixels.
        """
        self._width, self._height = frame_size
        self._line = max(1, round(self._height / 540))
        self._small_pixels = max(9, round(self._height * 0.0145))
        self._least_pixels = max(13.0, self._height * 0.03)
        self._most_pixels = max(16.0, self._height * 0.055)
        self._tags = TagCache()
        self._placer = Placer(frame_size, self._line + 1.0)
        self._text_pixels: dict[int, int] = {}

    def draw(self, bgr: UInt8Image, boxes: TrackedBoxes, labels: Mapping[int, Label]) -> UInt8Image:
        """Draw one picture; call it in the order of time.

        Args:
            bgr: uint8 (H, W, 3) of the video's size; not written to.
            boxes: Tracked players in it; parts outside the picture are cut off.
            labels: What to show, by track id; a track that is not in it gets a quiet neutral box.

        Returns:
            uint8 (H, W, 3), a new picture.
        """
        if bgr.shape[:2] != (self._height, self._width):
            size = f"{bgr.shape[1]}x{bgr.shape[0]}"
            raise ValueError(f"the picture is {size}, but the annotator was made for {self._width}x{self._height}")
        canvas = bgr.copy()
        seen = [
            _Seen(int(track), label, box)
            for track, xyxy in zip(boxes.track_id, boxes.xyxy, strict=True)
            if (box := self._visible(xyxy)) and (label := labels.get(int(track), _NO_LABEL))
        ]
        seen = _numbered_once(seen)
        seen.sort(key=lambda one: (one.label.number is not None, one.box[3], one.track))
        for one in seen:
            self._draw_box(canvas, one.box, one.label)
        self._draw_tags(canvas, seen)
        return canvas

    def _draw_tags(self, canvas: UInt8Image, seen: list[_Seen]) -> None:
        """Number tags, each tied to its box if it hangs away from it, and the ids of those without a number."""
        self._placer.start_picture()
        everybody = np.array([one.box for one in seen], np.float32).reshape(-1, 4)
        everybody = np.clip(everybody, 0.0, np.array([self._width, self._height] * 2, np.float32))
        numbered = [i for i, one in enumerate(seen) if one.label.number is not None]
        large = everybody[:, 3] - everybody[:, 1] >= self._small_pixels
        others = [i for i, one in enumerate(seen) if one.label.number is None and large[i]]
        bitmaps = [self._tag(seen[i]) for i in numbered]
        spots = self._placer.tags(*_owners(seen, numbered, bitmaps), everybody)
        for i, spot in zip(numbered, spots, strict=True):
            if apart(spot, everybody[i]) > _TIED * (spot[3] - spot[1]):
                _tie(canvas, spot, everybody[i], display_colour(seen[i].label.team_rgb or NEUTRAL), self._line)
        ids = [self._tags.track_id(seen[i].track, self._small_pixels) for i in others]
        id_spots = self._placer.ids(*_owners(seen, others, ids), everybody, spots)
        for bitmap, spot in zip(ids + bitmaps, np.concatenate([id_spots, spots]), strict=True):
            if np.isfinite(spot).all():
                _paste(canvas, bitmap, int(spot[0]), int(spot[1]))

    def _visible(self, xyxy: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Box | None:
        """The box in whole pixels, or None if no part of it lies in the picture."""
        if not np.isfinite(xyxy).all():
            return None
        x1, y1, x2, y2 = (round(float(v)) for v in xyxy)
        inside = x1 < self._width and y1 < self._height and x2 > 0 and y2 > 0
        return (x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)) if inside else None

    def _draw_box(self, canvas: UInt8Image, box: Box, label: Label) -> None:
        colour = display_colour(label.team_rgb or NEUTRAL)
        if label.number is None:
            red, green, blue = (round(0.6 * channel + 0.4 * 255) for channel in colour)
            thickness = max(1, round(self._height / 900))
            _blend_frame(canvas, box, thickness, thickness, outline_of((red, green, blue)), _QUIET / 2)
            _blend_frame(canvas, box, 0, thickness, (red, green, blue), _QUIET)
            return
        _blend_frame(canvas, box, 1, 1, outline_of(colour), 0.6)
        _blend_frame(canvas, box, 0, self._line, colour, 1.0)
        _blend_frame(canvas, box, -self._line, 1, outline_of(colour), 0.6)

    def _tag(self, one: _Seen) -> Bitmap:
        wanted = min(max(0.28 * (one.box[3] - one.box[1]), self._least_pixels), self._most_pixels)
        pixels = self._text_pixels.setdefault(one.track, round(wanted))
        if abs(wanted / pixels - 1.0) > _RESIZE:
            pixels = self._text_pixels[one.track] = round(wanted)
        colour = display_colour(one.label.team_rgb or NEUTRAL)
        return self._tags.number(one.label.number or "", one.label.confidence, one.track, colour, pixels)


def _numbered_once(seen: list[_Seen]) -> list[_Seen]:
    """The same players, of boxes of one kit and number that overlap only the surest with it: they are one player."""
    shown: dict[tuple[str, Colour], list[Array]] = {}
    once = []
    for one in sorted(seen, key=lambda one: (-one.label.confidence, one.track)):
        if one.label.number is not None and one.label.team_rgb is not None:
            box, others = np.array(one.box, np.float32), shown.setdefault((one.label.number, one.label.team_rgb), [])
            if others and hidden(box, np.array(others)).max() > _SAME_PLAYER:
                one = one._replace(label=replace(one.label, number=None))
            else:
                others.append(box)
        once.append(one)
    return once


def _owners(seen: list[_Seen], chosen: list[int], bitmaps: list[Bitmap]) -> tuple[list[int], NDArray[np.int64], Array]:
    """What the placer asks of those that get a bitmap: track ids, indices into `seen`, and sizes (N, 2)."""
    sizes = np.array([(bitmap.width, bitmap.height) for bitmap in bitmaps], np.float32).reshape(-1, 2)
    return [seen[i].track for i in chosen], np.array(chosen, np.int64), sizes


def _tie(canvas: UInt8Image, spot: Array, box: Array, rgb: Colour, thickness: int) -> None:
    """A line from a tag to its box, at the points nearest to each other."""
    middle = np.array([(box[0] + box[2]) / 2, box[1]], np.float32)
    start = np.clip(middle, spot[:2], spot[2:] - 1)
    end = np.clip(start, box[:2], box[2:] - 1)
    points = [(int(x), int(y)) for x, y in (start, end)]
    cv2.line(canvas, points[0], points[1], outline_of(rgb)[::-1], thickness + 2, cv2.LINE_AA)
    cv2.line(canvas, points[0], points[1], rgb[::-1], thickness, cv2.LINE_AA)


def _blend_frame(canvas: UInt8Image, box: Box, grow: int, thickness: int, rgb: Colour, opacity: float) -> None:
    """A rectangular frame `thickness` pixels wide, its outer edge `grow` pixels outside the box."""
    x1, y1, x2, y2 = box[0] - grow, box[1] - grow, box[2] + grow, box[3] + grow
    if x2 - x1 < 1 or y2 - y1 < 1:
        return
    t = min(thickness, (x2 - x1 + 1) // 2, (y2 - y1 + 1) // 2)
    top, bottom = (x1, y1, x2, y1 + t), (x1, max(y2 - t, y1 + t), x2, y2)
    left, right = (x1, y1 + t, x1 + t, y2 - t), (max(x2 - t, x1 + t), y1 + t, x2, y2 - t)
    for a, b, c, d in (top, bottom, left, right):
        part = canvas[max(b, 0) : max(d, 0), max(a, 0) : max(c, 0)]
        if part.size:
            part[:] = cv2.LUT(part, _blend_table(rgb, opacity)) if opacity < 1.0 else rgb[::-1]


@lru_cache(256)
def _blend_table(rgb: Colour, opacity: float) -> UInt8Image:
    """What each channel value becomes under a colour: uint8 (1, 256, 3), BGR."""
    under = np.arange(256.0)[None, :, None] * (1.0 - opacity)
    return (under + np.array(rgb[::-1]) * opacity + 0.5).astype(np.uint8)


def _paste(canvas: UInt8Image, bitmap: Bitmap, x: int, y: int) -> None:
    """Lay a bitmap over the picture; what reaches outside is cut off."""
    height, width = canvas.shape[:2]
    x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + bitmap.width, width), min(y + bitmap.height, height)
    if x1 >= x2 or y1 >= y2:
        return
    cut = (slice(y1 - y, y2 - y), slice(x1 - x, x2 - x))
    under = cv2.multiply(canvas[y1:y2, x1:x2], bitmap.keep[cut], scale=1 / 255)
    canvas[y1:y2, x1:x2] = cv2.add(under, bitmap.bgr[cut])
