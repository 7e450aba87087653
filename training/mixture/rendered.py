"""Rendered players for training: their truth is known in every frame, so that doubtful ones can be left out."""

import logging
from pathlib import Path

from pipeline.crops import complete_cut_off
from pipeline.media.video import open_source
from pipeline.types import FloatArray
from training.data.clip_labels import Verdict, read_boxes, read_label_rows
from training.data.tables import read_table
from training.mixture.players import Track, cut_player

logger = logging.getLogger(__name__)

_SIGHTING = ("back_angle_degrees", "digit_pixels", "digits_seen")
"""Columns of `NAME.visibility.csv`: what `verdict_of_sighting` takes."""
_READABLE = (50.0, 7.0, 0.9)
"""Most degrees between back and camera, least height of the digits in pixels, least share of the digits seen."""
_FRONT = 100.0
"""Degrees between back and camera from which the number is on the far side."""
_SMALLEST = 5.0
"""Height of the digits in pixels up to which nobody reads them."""


def verdict_of_sighting(angle: float, pixels: float, seen: float, number: str | None) -> Verdict:
    """What a row of `NAME.visibility.csv` says of a shirt.

    Args:
        angle: degrees between the back and the camera.
        pixels: height of the digits.
        seen: share of the digits that nothing hides.
        number: what the shirt shows; None for a shirt without a number.

    Returns:
        SKIP between what can be read for sure and what cannot.
    """
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

    Raises:
        InputError: The clip or a table cannot be used.
    """
    numbers: dict[int, str | None] = {}
    for label in read_label_rows(video.with_suffix(".labels.csv")):
        if label.number is not None or label.role == "referee":
            numbers[label.track] = label.number
    verdicts: dict[tuple[int, int], Verdict] = {}
    for row in read_table(video.with_suffix(".visibility.csv"), ("frame", "track", *_SIGHTING)):
        frame, track = row.whole("frame"), row.whole("track")
        if track in numbers:
            angle, pixels, seen = (row.real(column) for column in _SIGHTING)
            verdicts[frame, track] = verdict_of_sighting(angle, pixels, seen, numbers[track])
    boxes: dict[int, list[tuple[int, FloatArray]]] = {}
    for frame, present in read_boxes(video.with_suffix(".boxes.csv")):
        people = zip(present.track_id.tolist(), present.xyxy, strict=True)
        boxes[frame] = [(track, box) for track, box in people if (frame, track) in verdicts]
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
