"""People of a match: who they are, their bodies, and where every point of them is at any moment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.anatomy import Build
from training.render.bodies import BodyMesh, make_body
from training.render.camera import View
from training.render.kits import NUMBER_CENTRE
from training.render.motion import Path, joints_at, make_path, moments, spline, sway
from training.render.settings import PersonSettings, RenderSettings, ShotSettings, TeamSettings
from training.render.skeleton import HEIGHT, Floats, skin


@dataclass(frozen=True, slots=True)
class Actor:
    """One person of the match."""

    track: int
    """Counted from 1 in the order of the settings."""
    person: PersonSettings
    kit: TeamSettings
    body: BodyMesh
    path: Path

    @property
    def scale(self) -> float:
        """Height as a share of the resting body's."""
        return self.person.height / HEIGHT

    def vertices(self, time: float) -> Floats:
        """All points (V, 3) of the person on the pitch at `time` seconds, metres."""
        carried = skin(self.body.vertices, self.body.weights, joints_at(self.path, time, self.scale))
        carried = carried + self.body.cloth[:, None] * sway(self.path, time)
        x, y, _ = self.path.place(time)
        return np.asarray(carried * self.scale + np.array([x, y, 0.0]))


def make_actors(settings: RenderSettings) -> list[Actor]:
    """Model everyone and plan their ways; takes a few seconds a person."""
    ball = ball_path(settings)
    actors = []
    for k, person in enumerate(settings.people):
        build = Build(person.girth, person.fit, person.hair, settings.seed * 1000 + k)
        path = make_path(person.path, person.face, ball[:, :2], settings.picture.duration_seconds, person.phase)
        actors.append(Actor(k + 1, person, settings.kit(person), make_body(build), path))
    return actors


def ball_path(settings: RenderSettings) -> Floats:
    """Centre of the ball (N, 3) at `moments(duration)`."""
    rows = np.asarray(settings.ball.path, dtype=np.float64)
    at = moments(settings.picture.duration_seconds)
    return np.stack([np.interp(at, rows[:, 0], rows[:, k]) for k in (1, 2, 3)], axis=1)


def view_at(shot: ShotSettings, time: float, size: tuple[int, int]) -> View:
    """The camera of `shot` at `time` seconds; `size` is width and height in pixels."""
    at = np.array([time])
    target = _track(shot.target, at)
    field = _track(shot.field_degrees, at)
    return View(np.array(shot.position), target, float(np.radians(field[0])), *size)


def _track(rows: Sequence[Sequence[float]], at: NDArray[np.float64]) -> Floats:
    table = np.asarray(rows, dtype=np.float64)
    return np.asarray(spline(table[:, 0].tolist(), table[:, 1:], at)[0])


def number_vertices(actor: Actor) -> NDArray[np.bool_]:
    """Which points (V,) of the shirt's back carry the number (or would, where there is none)."""
    body, height = actor.body, actor.kit.digit_height
    width = height * (0.55 if len(actor.person.number or "") == 1 else 0.95)
    shirt = np.zeros(len(body.vertices), bool)
    shirt[np.unique(body.quads[body.material == body.materials.index("shirt")])] = True
    x, y, z = body.vertices.T
    return np.asarray(shirt & (y < 0.0) & (np.abs(x) < width / 2) & (np.abs(z - NUMBER_CENTRE) < height / 2))
