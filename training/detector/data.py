"""Labelled frames for the player detector: hand-made boxes, tracked boxes, and a teacher's where there are none."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml
from torchvision.ops import nms

from pipeline.detection.detector import DetectorSettings, PlayerDetector
from pipeline.media.images import image_files
from pipeline.media.video import open_source
from pipeline.types import Detections, FloatArray, Frame, UInt8Image
from recognizer.errors import InputError
from training.data.clip_labels import read_boxes, read_label_rows
from training.data.matching import overlaps
from training.detector.pitch import off_pitch

NOT_PEOPLE = frozenset({"ball"})
"""Classes of hand-labelled frames that are left out."""
ON_FIELD = frozenset({"player", "goalkeeper", "referee"})
"""Roles in the labelled clips that make a person a player to the detector."""
NO_BOXES: FloatArray = np.zeros((0, 4), np.float32)
NOTHING_SEEN: FloatArray = np.zeros((0, 5), np.float32)


class DetectorDataError(InputError):
    """Frames or labels that cannot be read."""


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """One picture and the people in it."""

    image: Path
    """Picture file."""
    match: str
    """Match it was filmed at; a match is never on both sides of a split."""
    source: str
    """`hand`, `tracked` (boxes of the labelled clips), `teacher`, or `rendered` (boxes that are true by making)."""
    people: FloatArray
    """float32 (N, 4) xyxy pixels: people by the labels."""
    doubtful: FloatArray
    """float32 (M, 4) xyxy pixels: perhaps people; neither taught nor held against the detector."""
    seen: FloatArray
    """float32 (K, 5) xyxy pixels and confidence: what else the teacher saw; learnt from, but no truth to measure
    with."""

    def read(self) -> UInt8Image:
        """The picture, uint8 BGR (H, W, 3)."""
        bgr = cv2.imread(str(self.image), cv2.IMREAD_COLOR)
        if bgr is None:
            raise DetectorDataError(f"The picture {self.image} cannot be read.")
        return bgr.astype(np.uint8, copy=False)

    def lesson(self, certain: float, possible: float) -> tuple[FloatArray, FloatArray]:
        """People and doubtful boxes to learn from: the teacher's count from these confidences on."""
        sure = self.seen[:, 4] >= certain
        unsure = ~sure & (self.seen[:, 4] >= possible)
        return (
            np.concatenate((self.people, self.seen[sure, :4])),
            np.concatenate((self.doubtful, self.seen[unsure, :4])),
        )


def read_yolo_folder(folder: Path, match: str) -> list[LabelledFrame]:
    """Hand-labelled frames in YOLO layout (`*/images`, `*/labels`, `data.yaml`), every class but the ball.

    A picture without a label file shows nobody, as in the exports of labelling tools.

    Raises:
        DetectorDataError: `data.yaml`, every picture or every label is missing, or one of them cannot be read.
    """
    names = _class_names(folder / "data.yaml")
    images = sorted(image_files(list(folder.glob("*/images/*"))))
    for part, present in (("images", images), ("labels", any(folder.glob("*/labels/*.txt")))):
        if not present:
            raise DetectorDataError(
                f"{folder} holds nothing in */{part}; give a folder of the form SPLIT/images/NAME.jpg with "
                "SPLIT/labels/NAME.txt."
            )
    frames = []
    for image in images:
        bgr = cv2.imread(str(image))
        if bgr is None:
            raise DetectorDataError(f"The picture {image} cannot be read.")
        height, width = bgr.shape[:2]
        people = _yolo_people(image.parent.parent / "labels" / f"{image.stem}.txt", names, (width, height))
        frames.append(LabelledFrame(image, match, "hand", people, NO_BOXES, NOTHING_SEEN))
    return frames


def _class_names(path: Path) -> dict[int, str]:
    """Names of the classes by number; a YOLO folder lists them in turn or by number."""
    try:
        names = yaml.safe_load(path.read_text("utf-8"))["names"]
        return {int(place): str(names[place]) for place in (names if isinstance(names, dict) else range(len(names)))}
    except FileNotFoundError as error:
        raise DetectorDataError(
            f"{path} is missing; it must list the classes, such as names: [ball, player]."
        ) from error
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DetectorDataError(
            f"{path} cannot be used ({reason}); it must list the classes, such as names: [ball, player]."
        ) from error


def _yolo_people(path: Path, names: Mapping[int, str], size: tuple[int, int]) -> FloatArray:
    """People (N, 4) xyxy pixels by a label file of `CLASS X Y WIDTH HEIGHT` in shares of the picture; none without it.

    Args:
        path: the label file.
        names: of the classes, by number.
        size: width and height of the picture in pixels.
    """
    if not path.is_file():
        return NO_BOXES
    try:
        rows = [row.split() for row in path.read_text("utf-8").split("\n") if row.strip()]
        centred = np.array([b[1:5] for b in rows if names[int(b[0])] not in NOT_PEOPLE], np.float32).reshape(-1, 4)
    except (OSError, ValueError, KeyError) as error:
        raise DetectorDataError(
            f"The labels {path} cannot be used ({error}); lines of the form CLASS X Y WIDTH HEIGHT are expected, "
            "each with the number of a class that data.yaml lists."
        ) from error
    half = centred[:, 2:] / 2
    xyxy: FloatArray = np.hstack((centred[:, :2] - half, centred[:, :2] + half))
    return xyxy * np.array(size * 2, np.float32)


def read_tracked_boxes(boxes: Path, labels: Path) -> tuple[dict[int, FloatArray], dict[int, FloatArray]]:
    """People and doubtful boxes (N, 4) by frame of a labelled clip.

    People are the stretches with a role on the field of play; bystanders, boxes of two people and what nobody
    labelled are doubtful.
    """
    on_field: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in read_label_rows(labels):
        if row.role in ON_FIELD:
            on_field[row.track].append((row.first, row.last))
    people, rest = dict[int, FloatArray](), dict[int, FloatArray]()
    for frame, present in read_boxes(boxes):
        stretches = (on_field.get(track, ()) for track in present.track_id.tolist())
        certain = np.array([any(first <= frame <= last for first, last in own) for own in stretches])
        for part, chosen in ((people, certain), (rest, ~certain)):
            if chosen.any():
                part[frame] = present.xyxy[chosen]
    return people, rest


def spread(clip: Path, count: int) -> Iterator[Frame]:
    """About `count` frames, never more, spread evenly over a clip (over what its header says of its length)."""
    source = open_source(str(clip))
    length = float(source.info.frames_per_second) * (source.info.duration_seconds or 0.0)
    step = max(1, round(length / count))
    for frame in source.frames():
        if frame.index % step == step // 2:
            yield frame
            count -= 1
            if count == 0:
                return


class Teacher:
    """Boxes from the starting weights at a high resolution: each frame seen large, and smaller in a mirror.

    Args:
        weights: the starting weights as `.safetensors` of `PlayerDetector`.
        largest: longest side of the network's input in pixels.
    """

    def __init__(self, weights: Path, largest: int = 1920) -> None:
        self._weights, self._largest = weights, largest
        self._detectors: dict[int, PlayerDetector] = {}

    def _detector(self, size: int) -> PlayerDetector:
        if size not in self._detectors:
            settings = DetectorSettings(str(self._weights), image_size=size, confidence=0.05, max_upscale=8.0)
            self._detectors[size] = PlayerDetector(settings, torch.device("cpu"))
        return self._detectors[size]

    def find(self, frame: Frame) -> Detections:
        """People with the mean of their confidences in the two views (0 where one does not show them)."""
        longest = max(frame.size)
        large = min(self._largest, longest * 3 // 2) // 32 * 32
        straight = self._detector(large).detect([frame])[0]
        mirrored = Frame(frame.index, frame.time, np.ascontiguousarray(frame.bgr[:, ::-1]))
        turned = self._detector(large * 2 // 3 // 32 * 32).detect([mirrored])[0]
        xyxy = turned.xyxy[:, [2, 1, 0, 3]]
        xyxy[:, [0, 2]] = frame.size[0] - xyxy[:, [0, 2]]
        return agreement([straight, Detections(xyxy, turned.confidence)])


def agreement(views: Sequence[Detections]) -> Detections:
    """One set of boxes from several views of a frame; confidence is the mean over all views.

    Each box of a view supports one box of the result, so a second box on the same person stays weak.
    """
    xyxy = np.concatenate([view.xyxy for view in views])
    confidence = np.concatenate([view.confidence for view in views])
    kept = nms(torch.from_numpy(xyxy), torch.from_numpy(confidence), 0.6).numpy()  # surest first
    xyxy = xyxy[kept]
    total = np.zeros(len(kept), np.float32)
    for view in views:
        shared = overlaps(xyxy, view.xyxy)
        for i in range(len(kept) if len(view) else 0):
            best = shared[i].argmax()
            if shared[i, best] >= 0.5:
                total[i] += view.confidence[best]
                shared[:, best] = 0
    return Detections(xyxy, total / np.float32(len(views)))


def beside_labels(bgr: UInt8Image, labelled: FloatArray, found: Detections) -> FloatArray:
    """The teacher's boxes (K, 5) with confidence where no label (N, 4) stands.

    Boxes beside a grass pitch are left out, so that people there are taught as background; those perhaps beside
    it count half.
    """
    off, perhaps_off = off_pitch(bgr, found.xyxy)
    new = ~off
    if len(labelled) and len(found):
        new &= overlaps(found.xyxy, labelled).max(1) < 0.5
    confidence = np.where(perhaps_off, found.confidence / 2, found.confidence)
    return np.column_stack((found.xyxy, confidence))[new].astype(np.float32)


def write_manifest(path: Path, frames: Iterable[LabelledFrame]) -> None:
    """One JSON object per frame."""
    with path.open("w", encoding="utf-8") as handle:
        for frame in frames:
            row = {
                "image": str(frame.image),
                "match": frame.match,
                "source": frame.source,
                "people": frame.people.astype(float).round(1).tolist(),
                "doubtful": frame.doubtful.astype(float).round(1).tolist(),
                "seen": frame.seen.astype(float).round(3).tolist(),
            }
            handle.write(json.dumps(row) + "\n")


def read_manifest(path: Path) -> list[LabelledFrame]:
    """What `write_manifest` wrote."""
    if not path.is_file():
        raise DetectorDataError(f"The list of frames {path} does not exist; make it with the command `label`.")
    frames = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        columns = {"people": 4, "doubtful": 4, "seen": 5}
        boxes = (np.array(row[key], np.float32).reshape(-1, width) for key, width in columns.items())
        frames.append(LabelledFrame(Path(row["image"]), row["match"], row["source"], *boxes))
    return frames
