"""Draws tracked players with their numbers: pictures in, pictures out, sized to the frame and calm over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from pipeline.drawing.tags import NEUTRAL, Bitmap, Colour, TagCache, display_colour, outline_of
from pipeline.types import TrackedBoxes, UInt8Image

_EASE = 0.3  # share of the way a tag slides to a new place with each picture
_STAY = 12  # pictures a tag keeps its place before it may return to the place it prefers
_CROWDED = 0.2  # share of a tag that other tags may cover before it moves
_RESIZE = 0.2  # a tag keeps its text size until the box asks for one this much larger or smaller
_FORGET = 250  # pictures after which a track not seen is forgotten
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


@dataclass(slots=True)
class _Placing:
    """Where a track's tag hangs, kept from picture to picture so that it does not jump."""

    text_pixels: int
    choice: int = 0
    """Index of the place in `_places`."""
    offset_x: float = 0.0
    offset_y: float = 0.0
    """From the middle of the box's top edge to the tag's top left corner, pixels."""
    settled: int = 0
    """Pictures since the place last changed."""
    last_drawn: int = 0


class Annotator:
    """Draws boxes, tags and track ids; remembers tag places between pictures of one video.

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
        self._placings: dict[int, _Placing] = {}
        self._picture = 0

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
        self._picture += 1
        seen = [
            (int(track), label, box)
            for track, xyxy in zip(boxes.track_id, boxes.xyxy, strict=True)
            if (box := self._visible(xyxy)) and (label := labels.get(int(track), _NO_LABEL))
        ]
        seen.sort(key=lambda item: (item[1].number is not None, item[2][3], item[0]))
        for _, label, box in seen:
            self._draw_box(canvas, box, label)
        for track, label, box in seen:
            if label.number is None:
                self._draw_id(canvas, box, track)
        tags = [(track, box, self._tag(track, label, box)) for track, label, box in seen if label.number is not None]
        for bitmap, x, y in self._place(tags):
            _paste(canvas, bitmap, x, y)
        self._forget()
        return canvas

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
            soft = tuple(round(0.75 * channel + 0.25 * 255) for channel in colour)
            _blend_frame(canvas, box, 0, max(1, round(self._height / 900)), (soft[0], soft[1], soft[2]), _QUIET)
            return
        _blend_frame(canvas, box, 1, 1, outline_of(colour), 0.6)
        _blend_frame(canvas, box, 0, self._line, colour, 1.0)
        _blend_frame(canvas, box, -self._line, 1, outline_of(colour), 0.6)

    def _draw_id(self, canvas: UInt8Image, box: Box, track: int) -> None:
        bitmap = self._tags.track_id(track, self._small_pixels)
        if box[3] - box[1] < 2 * bitmap.height or box[2] - box[0] < bitmap.width:
            return
        _paste(canvas, bitmap, box[0], min(box[3], self._height - bitmap.height))

    def _tag(self, track: int, label: Label, box: Box) -> Bitmap:
        wanted = min(max(0.28 * (box[3] - box[1]), self._least_pixels), self._most_pixels)
        placing = self._placings.get(track)
        if placing is None:
            placing = self._placings[track] = _Placing(round(wanted))
        elif abs(wanted / placing.text_pixels - 1.0) > _RESIZE:
            placing.text_pixels = round(wanted)
        colour = display_colour(label.team_rgb or NEUTRAL)
        return self._tags.number(label.number or "", label.confidence, track, colour, placing.text_pixels)

    def _place(self, tags: list[tuple[int, Box, Bitmap]]) -> list[tuple[Bitmap, int, int]]:
        """Top left corners of the tags; the tracks drawn longest keep their places, others make room."""
        taken: list[Box] = []
        placed = []
        for track, box, bitmap in sorted(tags):
            placing = self._placings[track]
            places = _places(box, bitmap, self._line)
            free = [1.0 - _covered(self._clamp(x, y, bitmap), taken) for x, y in places]
            self._choose(placing, free)
            new = placing.last_drawn == 0
            anchor_x, anchor_y = (box[0] + box[2]) / 2, float(box[1])
            x, y = places[placing.choice]
            ease = 1.0 if new else _EASE
            placing.offset_x += ease * (x - anchor_x - placing.offset_x)
            placing.offset_y += ease * (y - anchor_y - placing.offset_y)
            placing.last_drawn = self._picture
            spot = self._clamp(anchor_x + placing.offset_x, anchor_y + placing.offset_y, bitmap)
            taken.append(spot)
            placed.append((bitmap, spot[0], spot[1]))
        return placed

    def _choose(self, placing: _Placing, free: list[float]) -> None:
        """Keep the place unless it is crowded; go back to the first one once that has been free for a while."""
        placing.settled += 1
        best = next((i for i, share in enumerate(free) if share >= 1.0 - _CROWDED / 2), int(np.argmax(free)))
        crowded = free[placing.choice] < 1.0 - _CROWDED and free[best] > free[placing.choice] + _CROWDED
        back = placing.choice != 0 and free[0] == 1.0 and placing.settled > _STAY
        if crowded or back:
            placing.choice = 0 if back else best
            placing.settled = 0

    def _clamp(self, x: float, y: float, bitmap: Bitmap) -> Box:
        left = max(0, min(round(x), self._width - bitmap.width))
        top = max(0, min(round(y), self._height - bitmap.height))
        return left, top, left + bitmap.width, top + bitmap.height

    def _forget(self) -> None:
        if self._picture % _FORGET == 0:
            oldest = self._picture - _FORGET
            self._placings = {track: p for track, p in self._placings.items() if p.last_drawn > oldest}


def _places(box: Box, bitmap: Bitmap, line: int) -> list[tuple[float, float]]:
    """Places for a tag, best first: above the head, then to either side of it, higher, and under the feet."""
    middle = (box[0] + box[2] - bitmap.width) / 2
    above = box[1] - bitmap.height - line - 1.0
    aside = bitmap.width * 0.7
    return [
        (middle, above),
        (middle - aside, above),
        (middle + aside, above),
        (middle, above - bitmap.height * 1.05),
        (middle, box[3] + line + 1.0),
    ]


def _covered(spot: Box, taken: list[Box]) -> float:
    """Share of a spot that lies under spots already taken."""
    area = (spot[2] - spot[0]) * (spot[3] - spot[1])
    shared = 0
    for other in taken:
        width = min(spot[2], other[2]) - max(spot[0], other[0])
        height = min(spot[3], other[3]) - max(spot[1], other[1])
        shared += max(0, width) * max(0, height)
    return min(1.0, shared / area)


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
