"""Makes and measures the player detector that ships.

    python -m training.train_detector label --clips CLIPS --frames FRAMES --start START --work WORK
    python -m training.train_detector train --work WORK [--hold-out MATCH ...] --out OUT.safetensors
    python -m training.train_detector measure --work WORK [--match MATCH ...] WEIGHTS ...

`label` lists frames and the people in them: hand-made boxes, tracked boxes, and where there are none the boxes
of the starting weights at a high resolution. `train` fine-tunes the class branch of the head on them. `measure`
scores weights on hand-made and tracked boxes. To measure on footage never seen, hold matches out of `train` and measure
on those.
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.config import as_plain, load
from pipeline.detector import ARCHITECTURE, DetectorSettings, PlayerDetector
from recognizer.errors import InputError
from training.detector_data import (
    NO_BOXES,
    LabelledFrame,
    Teacher,
    beside_labels,
    read_manifest,
    read_tracked_boxes,
    read_yolo_folder,
    spread,
    write_manifest,
)
from training.detector_loop import DetectorTraining, fine_tune
from training.detector_measure import measure
from training.detector_pitch import shows_pitch

log = logging.getLogger(__name__)


def narrow_to_person(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The starting weights (80 COCO classes) with the class layer cut down to its first class, person."""
    last = {f"model.23.cv3.{level}.2.{part}" for level in range(3) for part in ("weight", "bias")}
    return {name: value[:1].clone() if name in last and len(value) > 1 else value for name, value in state.items()}


def save_detector(path: Path, state: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Half-precision weights, and the facts about them as JSON beside; both appear whole or not at all."""
    half = {k: v.detach().cpu().half().contiguous() if v.is_floating_point() else v for k, v in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    part, card_part = path.with_suffix(".safetensors.part"), path.with_suffix(".json.part")
    save_file(half, part)
    part.chmod(0o644)
    card_part.write_text(json.dumps(card, indent=2) + "\n", "utf-8")
    part.replace(path)
    card_part.replace(path.with_suffix(".json"))


def start_detector(start: Path, work: Path) -> Path:
    """The starting weights as a one-class detector, written to the work directory."""
    path = work / "start.safetensors"
    save_detector(path, narrow_to_person(load_file(start)), {"architecture": ARCHITECTURE, "classes": ["player"]})
    return path


def label(clips: Path, frames: Path | None, start: Path, work: Path, settings: DetectorTraining) -> Path:
    """Write `frames.jsonl` and its pictures into the work directory; returns the list's path."""
    pictures = work / "frames"
    pictures.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(start_detector(start, work), settings.teacher_size)
    same_match = dict(pair.split("=", 1) for pair in settings.same_match)
    listed = read_yolo_folder(frames, frames.name) if frames is not None else []
    for clip in sorted(clips.rglob("*.mp4")):
        boxes = clip.with_suffix(".boxes.csv")
        tracked = read_tracked_boxes(boxes, clip.with_suffix(".labels.csv")) if boxes.is_file() else ({}, {})
        count = settings.labelled_clip_frames if boxes.is_file() else settings.clip_frames
        for frame in spread(clip, count):
            if not boxes.is_file() and not shows_pitch(frame.bgr):
                continue  # without a pitch, who is a player and who looks on cannot be told
            image = pictures / f"{clip.stem}_{frame.index:06d}.jpg"
            cv2.imwrite(str(image), frame.bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
            people, vague = (part.get(frame.index, NO_BOXES) for part in tracked)
            seen = beside_labels(frame.bgr, np.concatenate((people, vague)), teacher.find(frame))
            source = "tracked" if boxes.is_file() else "teacher"
            match = same_match.get(clip.stem, clip.stem)
            listed.append(LabelledFrame(image, match, source, people, vague, seen))
        log.info("%s: %d frames so far", clip.stem, len(listed))
    write_manifest(work / "frames.jsonl", listed)
    return work / "frames.jsonl"


def train(work: Path, hold_out: Sequence[str], out: Path, settings: DetectorTraining) -> None:
    """Fine-tune the starting weights on every listed frame but those of the matches held out."""
    frames = [frame for frame in read_manifest(work / "frames.jsonl") if frame.match not in hold_out]
    log.info("%d frames of %d matches", len(frames), len({frame.match for frame in frames}))
    state = fine_tune(load_file(work / "start.safetensors"), frames, settings)
    card = {
        "architecture": ARCHITECTURE,
        "classes": ["player"],
        "training": {
            "frames": {kind: sum(f.source == kind for f in frames) for kind in ("hand", "tracked", "teacher")},
            "matches": sorted({frame.match for frame in frames}),
            "held_out": sorted(hold_out),
            "settings": as_plain(settings),
        },
    }
    save_detector(out, state, card)
    log.info("wrote %s", out)


def compare(
    work: Path, matches: Sequence[str], weights: Sequence[Path], sizes: Sequence[int], confidence: float
) -> list[dict[str, Any]]:
    """Scores of weights at input sizes on the labelled frames (none of the teacher's) of each match."""
    listed = [frame for frame in read_manifest(work / "frames.jsonl") if frame.source != "teacher"]
    rows = []
    for match in matches or sorted({frame.match for frame in listed}):
        frames = [frame for frame in listed if frame.match == match]
        if not frames:
            raise InputError(f"No labelled frame is of the match {match!r}; there are {_matches(listed)}.")
        for size in sizes:
            for path in weights:
                settings = DetectorSettings(str(path), image_size=size, confidence=0.02)
                score = measure(PlayerDetector(settings, torch.device("cpu")), frames, confidence)
                rows.append({"match": match, "size": size, "weights": path.stem, **as_plain(score)})
    return rows


def _matches(frames: Sequence[LabelledFrame]) -> str:
    return ", ".join(sorted({frame.match for frame in frames}))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    keys = list(rows[0])
    lines = [keys, ["---"] * len(keys)]
    lines += [[f"{row[key]:.3f}" if isinstance(row[key], float) else str(row[key]) for key in keys] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.train_detector",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(dest="step", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--work", type=Path, required=True, help="directory for frames and their labels")
    common.add_argument("--config", type=Path, help="YAML file, such as configs/train_detector.yaml")
    common.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, over the file's")
    step = steps.add_parser("label", parents=[common], help="list frames and the people in them")
    step.add_argument("--clips", type=Path, required=True, help="folder of clips; NAME.boxes.csv beside labelled ones")
    step.add_argument("--frames", type=Path, help="folder of hand-labelled frames in YOLO layout")
    step.add_argument("--start", type=Path, required=True, help="YOLO11n weights for COCO, .safetensors")
    step = steps.add_parser("train", parents=[common], help="fine-tune the starting weights")
    step.add_argument("--hold-out", nargs="*", default=[], metavar="MATCH", help="matches to keep for measuring")
    step.add_argument("--out", type=Path, required=True, help="weights to write, .safetensors (and .json beside)")
    step = steps.add_parser("measure", parents=[common], help="score weights on labelled frames")
    step.add_argument("weights", nargs="+", type=Path, help="weights to score, .safetensors")
    step.add_argument("--match", nargs="*", default=[], help="matches to measure on (all labelled ones)")
    step.add_argument("--size", nargs="*", type=int, default=[640, 960, 1280], help="input sizes, pixels")
    step.add_argument("--confidence", type=float, default=0.25, help="confidence for recall and precision")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; returns the exit code."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        settings = load(DetectorTraining, given.config, given.set)
        if settings.threads:
            torch.set_num_threads(settings.threads)
        if given.step == "label":
            label(given.clips, given.frames, given.start, given.work, settings)
        elif given.step == "train":
            train(given.work, given.hold_out, given.out, settings)
        else:
            sys.stdout.write(table(compare(given.work, given.match, given.weights, given.size, given.confidence)))
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
