"""What is true of every frame: who is where, how much of each is seen, and whose number can be read."""

import csv
import itertools
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.render.actors import Actor, number_vertices
from training.render.camera import View
from training.render.kits import NUMBER_CENTRE
from training.render.motion import joints_at
from training.render.skeleton import Floats

COARSE = 2
"""Pixels of the picture per cell of the depth map."""
TOLERANCE = 0.12
"""Metres a point of the number may lie behind the nearest point in its cell and still count as seen."""
BODY_DEPTH = 0.45
"""The same for a box: a body does not hide itself."""
PixelBox = tuple[int, int, int, int]
LEAST_INSIDE = 0.1
"""Share of a person's points that must be in the picture for a box."""
LEAST_SEEN = 0.15
"""Share of the part in the picture that nobody else may hide, for a box."""
LEGIBLE_ANGLE = math.radians(60)
LEGIBLE_PIXELS = 12.0
"""Height of the digits."""
LEGIBLE_SEEN = 0.85
"""Share of the number that must be seen."""
SHORTEST = 6
"""Frames of the shortest stretch, and of the longest interruption passed over."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One person in one frame."""

    frame: int
    track: int
    xyxy: tuple[float, float, float, float]
    """Box round the part that is seen, pixels."""
    seen: float
    """Share of the person within the frame that nobody else hides, 0 to 1."""
    angle: float
    """Angle between the back of the shirt and the direction to the camera, radians."""
    digit_pixels: float
    """Height of the number in the picture."""
    digits_seen: float
    """Share of the number's cloth that is in the picture and hidden by nobody."""

    @property
    def legible(self) -> bool:
        """Whether the number can be read in this frame (if there is one)."""
        return self.angle < LEGIBLE_ANGLE and self.digit_pixels >= LEGIBLE_PIXELS and self.digits_seen >= LEGIBLE_SEEN


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames, both ends in, over which what is known of a track stays the same."""

    track: int
    first: int
    last: int
    number: str
    team: str
    role: str
    sure: int
    note: str


def sightings(
    actors: Sequence[Actor], view: View, time: float, frame: int, covered: PixelBox | None = None
) -> list[Sighting]:
    """Everyone who can be seen in the picture that `view` shows at `time` seconds.

    Args:
        actors: the people of the match.
        view: the camera.
        time: seconds.
        frame: number of the picture.
        covered: left, top, right and bottom pixel of a graphic that hides what is behind it.
    """
    projected = [_project(actor, view, time) for actor in actors]
    nearest = np.full(_grid(view)[0] * _grid(view)[1], np.inf)
    for _, depth, cell in projected:
        inside = cell >= 0
        np.minimum.at(nearest, cell[inside], depth[inside])
    if covered is not None:
        left, top, right, bottom = (round(v / COARSE) for v in covered)
        nearest.reshape(_grid(view))[top:bottom, left:right] = -np.inf
    sightings = (
        _sight(actor, view, time, frame, parts, nearest) for actor, parts in zip(actors, projected, strict=True)
    )
    return [s for s in sightings if s is not None]


def _project(actor: Actor, view: View, time: float) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Pixels (V, 2), distance (V,) and cell of the depth map (V,) of every point; cell -1 is out of the picture."""
    pixels, depth = view.project(actor.vertices(time))
    x, y = pixels.T
    inside = (x >= 0) & (x < view.width) & (y >= 0) & (y < view.height) & (depth > 0)
    column, row = (np.where(inside, v // COARSE, 0).astype(np.int64) for v in (x, y))
    return pixels, depth, np.where(inside, row * _grid(view)[1] + column, -1)


def _grid(view: View) -> tuple[int, int]:
    """Rows and columns of the depth map."""
    return -(-view.height // COARSE), -(-view.width // COARSE)


def _sight(
    actor: Actor, view: View, time: float, frame: int, parts: tuple[Floats, Floats, NDArray[np.int64]], nearest: Floats
) -> Sighting | None:
    """One person as the picture shows it, or None where too little of it is seen."""
    pixels, depth, cell = parts
    inside = cell >= 0
    if inside.mean() < LEAST_INSIDE:
        return None
    hidden = depth - nearest[np.maximum(cell, 0)]  # distance behind whatever is in front; meaningless where outside
    shown = inside & (hidden <= BODY_DEPTH)
    seen = len(np.unique(cell[shown])) / len(np.unique(cell[inside]))
    if seen < LEAST_SEEN:
        return None
    low, high = pixels[shown].min(axis=0), pixels[shown].max(axis=0)
    number = number_vertices(actor)
    return Sighting(
        frame=frame,
        track=actor.track,
        xyxy=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        seen=seen,
        angle=back_angle(actor, view, time),
        digit_pixels=float(np.ptp(pixels[number, 1])),
        digits_seen=float((inside & (hidden <= TOLERANCE))[number].mean()),
    )


def back_angle(actor: Actor, view: View, time: float) -> float:
    """Angle in radians between the normal of the shirt's back and the direction to the camera; 0 = seen square."""
    matrix, position = joints_at(actor.path, time, actor.scale)["chest"]
    x, y, _ = actor.path.place(time)
    place = position * actor.scale + np.array([x, y, NUMBER_CENTRE - 1.24])
    towards = view.position - place
    cosine = float(matrix @ np.array([0.0, -1.0, 0.0]) @ (towards / np.linalg.norm(towards)))
    return math.acos(max(-1.0, min(1.0, cosine)))


def stretches(actor: Actor, seen: Sequence[Sighting], frames: int, cuts: Sequence[int] = ()) -> list[Stretch]:
    """Rows of the label file for one person.

    Args:
        actor: the person.
        seen: sightings, of others too.
        frames: of the video.
        cuts: frames with which a new shot begins; a stretch ends there.
    """
    own = [s for s in seen if s.track == actor.track]
    if not own:
        return []
    person = actor.person
    readable = np.zeros(frames, bool)
    readable[[s.frame for s in own if s.legible]] = True
    readable = np.concatenate([steady(shot) for shot in np.split(readable, list(cuts))])
    first, last = own[0].frame, own[-1].frame
    if person.number is None:
        return [Stretch(actor.track, first, last, "unknown", "none", person.role, 0, "no number on the shirt")]
    if not readable.any():
        return [Stretch(actor.track, first, last, "unknown", person.team, person.role, 0, "number never shown")]
    rows, start = [], first
    for frame in range(first + 1, last + 2):
        if frame > last or frame in cuts or readable[frame] != readable[start]:
            note = "legible" if readable[start] else "inferred"
            rows.append(Stretch(actor.track, start, frame - 1, person.number, person.team, person.role, 2, note))
            start = frame
    return rows


def steady(flags: NDArray[np.bool_], shortest: int = SHORTEST) -> NDArray[np.bool_]:
    """Pass over interruptions up to `shortest` frames, then drop stretches shorter than that.

    >>> steady(np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0], bool), 2).astype(int).tolist()
    [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    """
    result = flags.copy()
    for first, last, value in _runs(result):
        if not value and first > 0 and last < len(result) - 1 and last - first + 1 <= shortest:
            result[first : last + 1] = True
    for first, last, value in _runs(result):
        if value and last - first + 1 < shortest:
            result[first : last + 1] = False
    return result


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int, bool]]:
    """First place, last place and value of each run of equal flags."""
    edges = [0, *(np.flatnonzero(np.diff(flags.astype(np.int8))) + 1).tolist(), len(flags)]
    return [(a, b - 1, bool(flags[a])) for a, b in itertools.pairwise(edges) if b > a]


def write_boxes(path: Path, seen: Iterable[Sighting]) -> None:
    """Write `frame,track,x1,y1,x2,y2,conf` rows, frames 0-based, pixels."""
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["frame", "track", "x1", "y1", "x2", "y2", "conf"])
        for s in sorted(seen, key=lambda s: (s.frame, s.track)):
            writer.writerow([s.frame, s.track, *(f"{v:.1f}" for v in s.xyxy), "1.0"])


def write_labels(path: Path, rows: Iterable[Stretch]) -> None:
    """Write `track,first_frame,last_frame,number,team,role,sure,note` rows."""
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["track", "first_frame", "last_frame", "number", "team", "role", "sure", "note"])
        for r in rows:
            writer.writerow([r.track, r.first, r.last, r.number, r.team, r.role, r.sure, r.note])


def write_visibility(path: Path, seen: Iterable[Sighting], without: Collection[int] = ()) -> None:
    """Write per frame and person how much is seen and whether the number can be read.

    Args:
        path: the table.
        seen: sightings.
        without: tracks of people without a number: there is nothing to be read.
    """
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["frame", "track", "seen", "back_angle_degrees", "digit_pixels", "digits_seen", "legible"])
        for s in sorted(seen, key=lambda s: (s.frame, s.track)):
            angle = f"{math.degrees(s.angle):.0f}"
            writer.writerow(
                [
                    s.frame,
                    s.track,
                    f"{s.seen:.2f}",
                    angle,
                    f"{s.digit_pixels:.1f}",
                    f"{s.digits_seen:.2f}",
                    int(s.legible and s.track not in without),
                ]
            )
