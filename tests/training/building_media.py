"""A small match made in code for the data-set builder: a video, its labels, and a finished run of it."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from factories import write_video

from pipeline.config import as_plain
from pipeline.detection.detector import DetectorSettings, PlayerDetector
from pipeline.media.video import open_source
from pipeline.results.folder import RECORD
from pipeline.results.outputs import BOXES, CSV_COLUMNS, READS, TRACKS, mot_rows
from pipeline.results.report import input_record
from pipeline.settings import Settings
from pipeline.types import Crop, Detections, Frame, TrackedBoxes, UInt8Image
from pipeline.windows import WindowSettings
from training.building.progress import BuildProgress
from training.building.tree import DatasetTree, Tally
from training.building.video import build_video, open_labelled_video
from training.building.writer import Cutting

FRAMES = 30
SIZE = (240, 160)
"""Width and height of the video."""
PLAYERS = {1: "7", 2: "46"}
"""What the two players of the scene wear, by track."""

BOTH = [(1, 0, 29, "7", "player", "legible"), (2, 0, 29, "46", "player", "legible")]
"""Labels of the whole scene."""
SETTINGS = Settings(windows=WindowSettings(min_quality=0.0))

Labels = Iterable[tuple[int, int, int, str, str, str]]


def boxes_at(index: int) -> np.ndarray:
    """float32 (2, 4), the boxes of both players; they walk to the right."""
    return np.array([[20 + index, 20, 70 + index, 140], [120 + index, 24, 170 + index, 146]], np.float32)


def scene_picture(index: int, swapped: bool = False) -> UInt8Image:
    """Both players with their numbers, uint8 (160, 240, 3) BGR; they may have swapped shirts."""
    picture = np.full((SIZE[1], SIZE[0], 3), (60, 130, 60), np.uint8)
    for number, (left, top, right, bottom) in zip(PLAYERS.values(), boxes_at(index).astype(int).tolist(), strict=True):
        shirt = (200, 40, 40) if (number == "7") != swapped else (230, 230, 230)
        cv2.rectangle(picture, (left, top), (right, bottom), shirt, -1)
        at = (left + 25 - 9 * len(number), top + 50)
        cv2.putText(picture, number, at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, (20, 20, 20), 3, cv2.LINE_AA)
    return picture


def write_scene(path: Path, frames: int = FRAMES) -> Path:
    """The video of the scene, 25 frames/s."""
    return write_video(path, [scene_picture(index) for index in range(frames)])


class SceneDetector:
    """Knows where the players are; stands in for the network."""

    settings = DetectorSettings(batch_size=4)
    wants_uploads = side_by_side = False
    batch_size = settings.batch_size

    def __init__(self, hidden: Iterable[int] = (), second_until: int = FRAMES) -> None:
        self.hidden = set(hidden)
        self.second_until = second_until
        self.frames_seen = 0

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Both players in every frame but the hidden ones; the second leaves early."""
        self.frames_seen += len(frames)
        found = []
        for frame in frames:
            boxes = boxes_at(frame.index)[: 2 if frame.index < self.second_until else 1]
            seen = Detections(boxes, np.full(len(boxes), 0.9, np.float32))
            found.append(Detections.empty() if frame.index in self.hidden else seen)
        return found


def write_labels(video: Path, stretches: Labels, frames: int = FRAMES) -> Path:
    """`NAME.labels.csv` and `NAME.boxes.csv` beside a video; stretches are track, first, last, number, role, note."""
    table = video.with_name(f"{video.stem}.labels.csv")
    columns = ["track", "first_frame", "last_frame", "number", "team", "role", "sure", "note"]
    rows = [(track, first, last, number, "red", role, 2, note) for track, first, last, number, role, note in stretches]
    write_csv(table, columns, rows)
    boxes = [(index, track, *box) for index in range(frames) for track, box in enumerate(boxes_at(index).tolist(), 1)]
    write_csv(video.with_name(f"{video.stem}.boxes.csv"), ["frame", "track", "x1", "y1", "x2", "y2"], boxes)
    return table


def write_run(folder: Path, video: Path, statuses: dict[int, tuple[str, str]], frames: int = FRAMES) -> Path:
    """A finished run's folder; statuses are (jersey_number, status) by track."""
    folder.mkdir()
    with (folder / BOXES).open("w") as file:
        for index in range(frames):
            boxes = TrackedBoxes(boxes_at(index), np.full(2, 0.9, np.float32), np.array([1, 2], np.int64))
            file.writelines(mot_rows(index, boxes))
    blank = dict.fromkeys(CSV_COLUMNS, "")
    rows = [
        blank
        | {"track_id": track, "jersey_number": number, "status": status, "first_frame": 0, "last_frame": frames - 1}
        for track, (number, status) in statuses.items()
    ]
    write_csv(folder / TRACKS, CSV_COLUMNS, [tuple(row.values()) for row in rows])
    write_record(folder, video, frames, SETTINGS)
    return folder


def write_record(folder: Path, video: Path, frames: int, settings: Settings) -> None:
    """What of a whole run's run.json a build reads."""
    record = {
        "input": input_record(open_source(video).info),
        "counts": {"frames_decoded": frames, "frames_lost": 0},
        "settings": as_plain(settings),
        "files": [TRACKS, BOXES, READS, RECORD],
    }
    (folder / RECORD).write_text(json.dumps(record))


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """A CSV table with a header."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def make_crop(index: int, quality: float = 0.5, track: int = 1, side: int = 24) -> Crop:
    """A crop at 25 frames/s whose grey level is its frame's index."""
    return Crop(track, index, index / 25, np.full((side, side, 3), index % 256, np.uint8), quality)


def manifest_rows(root: Path) -> list[dict[str, str]]:
    """The manifest as dictionaries."""
    with (root / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def pictures(root: Path) -> list[str]:
    """Paths of all pictures under a root, hidden ones too."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))


def build(
    root: Path,
    video: Path,
    detector: SceneDetector | None = None,
    cutting: Cutting | None = None,
    replaces: bool = False,
    told: list[BuildProgress] | None = None,
    settings: Settings = SETTINGS,
) -> Tally:
    """Build a data set of a labelled video."""
    cutting = cutting or Cutting()
    labelled = open_labelled_video(video, None, None, settings, cutting)
    network = cast(PlayerDetector, detector or SceneDetector())
    with DatasetTree(root, replaces) as tree:
        build_video(tree, labelled, network, settings, cutting, (told if told is not None else []).append)
    return tree.tally
