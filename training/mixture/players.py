"""Real players for training: tracks of whole-player pictures with a verdict for every picture.

Three kinds of places give them: match clips labelled by eye (`NAME.boxes.csv` and `NAME.labels.csv`, the form of the
labels in `training/labels`), single player crops with a number (`hockey.csv`), and pictures of numbers with their
surroundings (`boxes.csv` of photos).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.crops import complete_cut_off, cut_square
from pipeline.media.video import open_source
from pipeline.passes import with_boxes
from pipeline.types import FloatArray, Frame, TrackedBoxes, UInt8Image
from training.data.clip_labels import UNKNOWN, Stretch, Verdict, read_boxes, read_labels, stretch_at
from training.data.photos import read_photos
from training.data.tables import read_table
from training.mixture.pictures import PictureFiles

_MOST_OF_A_SHIRT = 0.4
"""Share of a photo from which its number leaves no shirt to be seen."""
_REACH = 1.25
"""How far from a number's centre, in its longer sides, another number may not come near a shirt of its own."""
_BLACK, _MOST_BLACK = 8, 0.25
"""Value under which a pixel is black, and share of black pixels round a number that tells of the photo's edge."""
_CUT_MARGIN = 0.1
"""What is left round a number cut out of a photo, as a share of its height."""
_SIDE: Final = 192
"""Side of a photo's square round a number, pixels."""
_MARGIN = 0.25
_TALLEST = 220.0


@dataclass(slots=True)
class Track:
    """Pictures of one tracked box in time order."""

    match: str
    """The match or source that must stay on one side of a split."""
    images: list[UInt8Image] = field(default_factory=list)
    """Whole players with a margin, uint8 (h, w, 3) RGB."""
    boxes: list[FloatArray] = field(default_factory=list)
    """The player's box in each image, float32 (4,) xyxy."""
    verdicts: list[Verdict] = field(default_factory=list)
    numbers: list[str | None] = field(default_factory=list)
    """The number where the verdict is LEGIBLE, else None."""
    worn: list[str | None] = field(default_factory=list)
    """The number on the shirt, seen here or known from elsewhere; None where nobody knows."""

    def add(self, image: UInt8Image, box: FloatArray, verdict: Verdict, number: str | None) -> None:
        """Append one picture; `number` is the one worn, legible or not."""
        self.images.append(image)
        self.boxes.append(box)
        self.verdicts.append(verdict)
        self.numbers.append(number if verdict is Verdict.LEGIBLE else None)
        self.worn.append(number)


def load_clip_tracks(video: Path, boxes: Path, labels: Path) -> list[Track]:
    """Cut the labelled players out of a match clip.

    Args:
        video: the clip.
        boxes: `NAME.boxes.csv`: frame,track,x1,y1,x2,y2,conf; frames 0-based in decode order.
        labels: `NAME.labels.csv`: track,first_frame,last_frame,number,team,role,sure,note.

    Returns:
        One Track for each labelled track; boxes outside every stretch are left out.

    Raises:
        InputError: The clip or a table cannot be used.
    """
    stretches = read_labels(labels)
    labelled = with_boxes(open_source(str(video)).frames(), read_boxes(boxes))
    return cut_tracks(labelled, stretches, video.stem)


def cut_tracks(
    frames: Iterable[tuple[Frame, TrackedBoxes]], stretches: Mapping[int, Sequence[Stretch]], match: str
) -> list[Track]:
    """Cut players out of the frames of which something is known of them.

    Args:
        frames: in order, with the players' boxes.
        stretches: what is known of a track, and where; by track.
        match: see `Track`.
    """
    tracks: dict[int, Track] = {}
    for frame, boxes in frames:
        for track_id, box in zip(boxes.track_id.tolist(), boxes.xyxy, strict=True):
            if stretch := stretch_at(stretches.get(track_id, ()), frame.index):
                whole = complete_cut_off(box[None], frame.size[1])[0]
                image, inner = cut_player(frame.bgr[:, :, ::-1], whole)
                track = tracks.setdefault(track_id, Track(match))
                track.add(image, inner, stretch.verdict, stretch.number)
    return list(tracks.values())


def cut_player(rgb: UInt8Image, box: FloatArray) -> tuple[UInt8Image, FloatArray]:
    """A player with a margin round the box, at most about 220 px tall, and the box inside it.

    Args:
        rgb: uint8 (H, W, 3) frame.
        box: float32 (4,) xyxy, pixels.

    Returns:
        The picture, a square with black outside the frame, and the box in its pixels.
    """
    extent = max(float(box[3] - box[1]), float(box[2] - box[0])) * (1 + 2 * _MARGIN)
    centre = (box[:2] + box[2:]) / 2
    square = np.concatenate([centre - extent / 2, centre + extent / 2]).astype(np.float32)
    image = cut_square(rgb, square)
    origin = np.round(square[:2])
    inner = box - np.concatenate([origin, origin])
    scale = min(1.0, _TALLEST * (1 + 2 * _MARGIN) / image.shape[0])
    if scale < 1.0:
        side = round(image.shape[0] * scale)
        image = np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    return image, np.asarray(inner * scale, np.float32)


def load_player_crops(folder: Path, table: Path) -> list[Track]:
    """Single player crops with a number: a CSV with file, number (blank: none seen), track, box_drawn.

    The picture's border is stretched outwards, so that a region wider than the player meets no black bars.

    Args:
        folder: where the pictures are.
        table: the CSV; number 'unknown' is left out, and so are pictures with a box painted over them, which mostly
            show a readable number and would give it away.

    Raises:
        PictureError: None of the pictures can be decoded; a few that cannot are left out and counted in the log.
        TableError: The table cannot be used.
    """
    tracks: dict[tuple[str, str], Track] = {}
    files = PictureFiles(folder)
    for row in read_table(table, ("file", "number", "track", "box_drawn")):
        number = row.number("number", (UNKNOWN, ""))
        if number == UNKNOWN or row.text("box_drawn") == "1":
            continue
        picture = files.read(folder / row.text("file"))
        if picture is not None:
            track = tracks.setdefault((row.text("track"), number), Track(table.stem))
            image, box = _with_border(picture)
            track.add(image, box, Verdict.LEGIBLE if number else Verdict.UNREADABLE, number or None)
    files.report()
    return list(tracks.values())


def load_crop_folders(folder: Path, labels: Path) -> list[Track]:
    """Tracks of whole-player crops, one folder each (`{track}/{frame}.jpg`), with stretches read by eye.

    Args:
        folder: the tracks.
        labels: stretches in the form of `NAME.labels.csv`; pictures outside every stretch are left out.

    Raises:
        PictureError: None of the pictures can be decoded; a few that cannot are left out and counted in the log.
        TableError: The labels cannot be used.
    """
    tracks, files = [], PictureFiles(folder)
    for track_id, stretches in sorted(read_labels(labels).items()):
        track = Track(folder.name)
        for file in sorted((folder / str(track_id)).glob("*.jpg")):
            stretch = stretch_at(stretches, int(file.stem))
            if stretch is not None and (picture := files.read(file)) is not None:
                track.add(*_with_border(picture), stretch.verdict, stretch.number)
        tracks.append(track)
    files.report()
    return tracks


def _with_border(bgr: NDArray[Any]) -> tuple[UInt8Image, FloatArray]:
    """A uint8 player crop in RGB with its border stretched outwards, and the player's box in it."""
    height, width = bgr.shape[:2]
    margin = round(_MARGIN * max(height, width))
    picture = cv2.copyMakeBorder(bgr, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    box = np.array([margin, margin, margin + width, margin + height], np.float32)
    return np.ascontiguousarray(picture[:, :, ::-1], np.uint8), box


@dataclass(frozen=True, slots=True)
class NumberPhoto:
    """A number with its surroundings."""

    source: str
    image: UInt8Image
    """uint8 (s, s, 3) RGB."""
    box: FloatArray
    """float32 (4,) xyxy of the number in it."""
    number: str
    on_shirt: bool = True
    """Whether the photo shows more than the number, and no other number, as a sheet of shirts does."""

    def cut_out(self, margin: float = 0.0) -> UInt8Image:
        """The number alone, uint8 (h, w, 3), with `margin` times its height of what is round it."""
        away = margin * float(self.box[3] - self.box[1])
        wider = self.box + np.array([-away, -away, away, away], np.float32)
        left, top, right, bottom = np.round(wider).astype(int).clip(0, self.image.shape[0]).tolist()
        return self.image[top:bottom, left:right]


def load_photos(folder: Path) -> list[NumberPhoto]:
    """Numbers in photos, each with 1.6 times its size around it, from `boxes.csv` and `images/`.

    Args:
        folder: the data set.

    Raises:
        PictureError: None of the pictures can be decoded; a few that cannot are left out and counted in the log.
        TableError: The table cannot be used.
    """
    photos, files = [], PictureFiles(folder)
    for photo in read_photos(folder):
        picture = files.read(folder / "images" / photo.image)
        if picture is None:
            continue
        rgb = np.asarray(picture[:, :, ::-1], np.uint8)
        boxes = np.array([number.xyxy for number in photo.boxes], np.float32)
        for number, box in zip(photo.boxes, boxes, strict=True):
            image, inner = _with_surroundings(rgb, box)
            on_shirt = shows_shirt(rgb, box, boxes)
            photos.append(NumberPhoto(photo.source, image, inner, number.number, on_shirt))
    files.report()
    return photos


def cut_numbers(photos: Iterable[NumberPhoto]) -> dict[str, list[list[UInt8Image]]]:
    """The numbers of photos cut out, by number, with a margin like that of number crops; each a tracklet of its own."""
    crops: dict[str, list[list[UInt8Image]]] = defaultdict(list)
    for photo in photos:
        crops[photo.number].append([photo.cut_out(_CUT_MARGIN)])
    return dict(crops)


def shows_shirt(rgb: UInt8Image, box: FloatArray, boxes: FloatArray) -> bool:
    """Whether a photo shows the shirt round a number: no other number close by, as on a sheet of shirts, no black.

    Args:
        rgb: uint8 (H, W, 3) photo; what lies outside counts as black.
        box: float32 (4,) xyxy of the number.
        boxes: float32 (N, 4), the boxes of all numbers of the photo.
    """
    if float(np.prod(box[2:] - box[:2])) >= _MOST_OF_A_SHIRT * rgb.shape[0] * rgb.shape[1]:
        return False
    reach = _REACH * float(max(box[2:] - box[:2]))
    centre = (box[:2] + box[2:]) / 2
    near = ((boxes[:, :2] < centre + reach) & (boxes[:, 2:] > centre - reach)).all(axis=1)
    surroundings = cut_square(rgb, np.concatenate([centre - reach, centre + reach]).astype(np.float32))
    black = float((surroundings.max(axis=2) < _BLACK).mean())
    return black < _MOST_BLACK and not (near & (boxes != box).any(axis=1)).any()


def _with_surroundings(rgb: UInt8Image, box: FloatArray) -> tuple[UInt8Image, FloatArray]:
    """A square of `_SIDE` px round a number, 4.2 times its longer side, and the number's box in it."""
    extent = float(max(box[2:] - box[:2])) * 4.2
    scale = _SIDE / extent
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=interpolation), np.uint8)
    centre = (box[:2] + box[2:]) / 2 * scale
    square = np.concatenate([centre - _SIDE / 2, centre + _SIDE / 2]).astype(np.float32)
    inner = box * scale - np.concatenate([np.round(square[:2])] * 2)
    return cut_square(scaled, square), np.asarray(inner, np.float32)


def count_verdicts(tracks: Iterable[Track]) -> dict[str, int]:
    """How many pictures of each verdict the tracks hold."""
    counts = {verdict.name: 0 for verdict in Verdict}
    for track in tracks:
        for verdict in track.verdicts:
            counts[verdict.name] += 1
    return counts
