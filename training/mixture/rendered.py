"""Rendered players for training: their truth is known in every frame, so that doubtful ones can be left out."""

import csv
import logging
from collections import defaultdict
from pathlib import Path

import numpy as np

from pipeline.crops import complete_cut_off
from pipeline.types import FloatArray
from pipeline.video import open_source
from training.mixture.players import Track, Verdict, cut_player

logger = logging.getLogger(__name__)

_READABLE = (50.0, 7.0, 0.9)
"""Most degrees between back and camera, least height of the digits in pixels, least share of the digits seen."""
_FRONT = 100.0
"""Degrees between back and camera from which the number is on the far side."""
_SMALLEST = 5.0
"""Height of the digits in pixels up to which nobody reads them."""


def verdict_of_sighting(row: dict[str, str], number: str | None) -> Verdict:
    """Read the verdict out of a row of `NAME.visibility.csv`.

    Args:
        row: `back_angle_degrees`, `digit_pixels`, `digits_seen`.
        number: what the shirt shows; None for a shirt without a number.

    Returns:
        SKIP between what can be read for sure and what cannot.
    """
    angle, pixels, seen = (float(row[key]) for key in ("back_angle_degrees", "digit_pixels", "digits_seen"))
    if number is None or angle >= _FRONT or pixels <= _SMALLEST:
        return Verdict.UNREADABLE
    widest, least, share = _READABLE
    return Verdict.LEGIBLE if angle <= widest and pixels >= least and seen >= share else Verdict.SKIP


def load_rendered_clip(video: Path) -> list[Track]:
    """Cut the players out of a clip of `training.render_match`.

    Args:
        video: the clip, with `NAME.boxes.csv`, `NAME.labels.csv` and `NAME.visibility.csv` beside it.

    Returns:
        One Track for each person; those whose number is never shown are left out, as nobody can tell it.
    """
    numbers: dict[int, str | None] = {}
    with video.with_suffix(".labels.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            if row["number"] != "unknown":
                numbers[int(row["track"])] = row["number"]
            elif row["role"] == "referee":
                numbers[int(row["track"])] = None
    verdicts: dict[tuple[int, int], Verdict] = {}
    with video.with_suffix(".visibility.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            frame, track = int(row["frame"]), int(row["track"])
            if track in numbers:
                verdicts[frame, track] = verdict_of_sighting(row, numbers[track])
    boxes: dict[int, list[tuple[int, FloatArray]]] = defaultdict(list)
    with video.with_suffix(".boxes.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            frame, track = int(row["frame"]), int(row["track"])
            if (frame, track) in verdicts:
                boxes[frame].append((track, np.array([float(row[k]) for k in ("x1", "y1", "x2", "y2")], np.float32)))
    tracks = {track: Track(video.stem) for track in numbers}
    for picture in open_source(str(video)).frames():
        for track, box in boxes.get(picture.index, ()):
            image, inner = cut_player(picture.bgr[:, :, ::-1], complete_cut_off(box[None], picture.size[1])[0])
            tracks[track].add(image, inner, verdicts[picture.index, track], numbers[track])
    return [track for track in tracks.values() if track.images]


def load_rendered(folder: Path) -> list[Track]:
    """The people of every rendered clip in a folder."""
    tracks: list[Track] = []
    for video in sorted(folder.glob("*.mp4")):
        tracks += load_rendered_clip(video)
        logger.info("%s: %d rendered tracks so far", video.stem, len(tracks))
    return tracks
