"""The two steps that make the player detector: list labelled frames, and fine-tune on them."""

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from safetensors.torch import load_file

from pipeline.config import as_plain
from pipeline.detection.detector import ARCHITECTURE
from pipeline.types import Frame
from training.data.clip_labels import boxes_by_frame
from training.detector.data import (
    NO_BOXES,
    NOTHING_SEEN,
    DetectorDataError,
    LabelledFrame,
    Teacher,
    beside_labels,
    read_manifest,
    read_tracked_boxes,
    read_yolo_folder,
    spread,
    write_manifest,
)
from training.detector.loop import DetectorTraining, fine_tune
from training.detector.pitch import shows_pitch
from training.detector.weights import save_detector, start_detector
from training.evaluation.files import require_weights

log = logging.getLogger(__name__)

KINDS = ("hand", "tracked", "teacher", "rendered")
"""Where the boxes of a frame come from."""
MANIFEST = "frames.jsonl"
"""List of frames in the work directory."""
START = "start.safetensors"
"""Starting weights in the work directory, one class."""


def label(
    clips: Path, frames: Path | None, renders: Path | None, start: Path, work: Path, settings: DetectorTraining
) -> Path:
    """Write the list of frames and its pictures into the work directory; returns the list's path.

    Raises:
        DetectorDataError: two clips have one name, or a clip that `same_match` names is not there.
    """
    videos = sorted(clips.rglob("*.mp4"))
    _require_names_apart([*videos, *_rendered(renders)])
    same_match = _same_match(settings, videos)
    pictures = work / "frames"
    pictures.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(start_detector(start, work / START), settings.teacher_size)
    listed = read_yolo_folder(frames, frames.name) if frames is not None else []
    if renders is not None:
        listed += rendered_frames(renders, pictures, settings.rendered_clip_frames)
    for clip in videos:
        boxes = clip.with_suffix(".boxes.csv")
        tracked = read_tracked_boxes(boxes, clip.with_suffix(".labels.csv")) if boxes.is_file() else ({}, {})
        count = settings.labelled_clip_frames if boxes.is_file() else settings.clip_frames
        for frame in spread(clip, count):
            if not boxes.is_file() and not shows_pitch(frame.bgr):
                continue  # without a pitch, who is a player and who looks on cannot be told
            image = _written(pictures, clip, frame)
            people, vague = (part.get(frame.index, NO_BOXES) for part in tracked)
            seen = beside_labels(frame.bgr, np.concatenate((people, vague)), teacher.find(frame))
            source = "tracked" if boxes.is_file() else "teacher"
            match = same_match.get(clip.stem, clip.stem)
            listed.append(LabelledFrame(image, match, source, people, vague, seen))
        log.info("%s: %d frames so far", clip.stem, len(listed))
    write_manifest(work / MANIFEST, listed)
    return work / MANIFEST


def _rendered(folder: Path | None) -> list[Path]:
    return sorted(folder.glob("*.mp4")) if folder is not None else []


def _require_names_apart(clips: Sequence[Path]) -> None:
    """Pictures bear their clip's name, so that no two clips may share one."""
    known: dict[str, Path] = {}
    for clip in clips:
        other = known.setdefault(clip.stem, clip)
        if other != clip:
            raise DetectorDataError(f"{other} and {clip} have one name; rename one of them and its labels.")


def _same_match(settings: DetectorTraining, videos: Sequence[Path]) -> dict[str, str]:
    """The match of every clip that the settings name."""
    same_match = dict(pair.split("=", 1) for pair in settings.same_match)
    present = sorted({clip.stem for clip in videos})
    for name in same_match:
        if name not in present:
            raise DetectorDataError(f"same_match names the clip {name!r}; there are {', '.join(present) or 'none'}.")
    return same_match


def rendered_frames(folder: Path, pictures: Path, count: int) -> list[LabelledFrame]:
    """Frames of the clips of `training.render_match` in a folder: their boxes leave nobody on the pitch out."""
    listed = []
    for clip in _rendered(folder):
        people = boxes_by_frame(clip.with_suffix(".boxes.csv"))
        for frame in spread(clip, count):
            image, found = _written(pictures, clip, frame), people.get(frame.index, NO_BOXES)
            listed.append(LabelledFrame(image, clip.stem, "rendered", found, NO_BOXES, NOTHING_SEEN))
    log.info("%d rendered frames", len(listed))
    return listed


def _written(pictures: Path, clip: Path, frame: Frame) -> Path:
    image = pictures / f"{clip.stem}_{frame.index:06d}.jpg"
    cv2.imwrite(str(image), frame.bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return image


def train(work: Path, hold_out: Sequence[str], out: Path, settings: DetectorTraining) -> None:
    """Fine-tune the starting weights on every listed frame but those of the matches held out.

    Raises:
        DetectorDataError: no frame is of a match held out, or too few frames are left.
        InputError: the weights cannot be written.
    """
    require_weights(out, work / START)
    listed = read_manifest(work / MANIFEST)
    present = sorted({frame.match for frame in listed})
    for match in hold_out:
        if match not in present:
            raise DetectorDataError(f"--hold-out names the match {match!r}; there are {', '.join(present) or 'none'}.")
    frames = [frame for frame in listed if frame.match not in hold_out and settings.repeats(frame)]
    log.info("%d frames of %d matches", len(frames), len({frame.match for frame in frames}))
    state = fine_tune(load_file(work / START), frames, settings)
    card = {
        "architecture": ARCHITECTURE,
        "classes": ["player"],
        "training": {
            "frames": {kind: sum(f.source == kind for f in frames) for kind in KINDS},
            "matches": sorted({frame.match for frame in frames}),
            "held_out": sorted(hold_out),
            "settings": as_plain(settings),
        },
    }
    save_detector(out, state, card)
    log.info("wrote %s", out)
