"""Where each player is, how fast it goes and where it looks, at every moment of the match."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.gait import Stride, cadence, ground_height, pose_of
from training.render.skeleton import Floats, place_joints, rotation

STEP = 0.01
"""Seconds between the moments at which a path is tabulated."""
FACE_PATH_FROM = 1.6
"""Speed in m/s above which a player looks where it runs; slower, it turns to the ball."""


def spline(times: Sequence[float], values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth curve through `values` (N, D) given at `times`, evaluated at `at`; constant velocity beyond the ends."""
    knots = np.asarray(times, dtype=np.float64)
    if len(knots) == 1:
        return np.repeat(values, len(at), axis=0)
    slopes = (
        np.gradient(values, knots, axis=0)
        if len(knots) > 2
        else np.repeat(np.diff(values, axis=0) / np.diff(knots), 2, axis=0)
    )
    cell = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    span = (knots[cell + 1] - knots[cell])[:, None]
    t = (np.clip(at, knots[0], knots[-1]) - knots[cell])[:, None] / span
    inner = (
        (2 * t**3 - 3 * t**2 + 1) * values[cell]
        + (t**3 - 2 * t**2 + t) * span * slopes[cell]
        + (3 * t**2 - 2 * t**3) * values[cell + 1]
        + (t**3 - t**2) * span * slopes[cell + 1]
    )
    before, after = np.minimum(at - knots[0], 0.0)[:, None], np.maximum(at - knots[-1], 0.0)[:, None]
    return np.asarray(inner + before * slopes[0] + after * slopes[-1])


def smooth(values: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Gaussian low-pass of a curve tabulated every `STEP` seconds (ends held)."""
    reach = max(int(3 * seconds / STEP), 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * STEP / seconds) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([np.full(reach, values[0]), values, np.full(reach, values[-1])])
    return np.convolve(padded, kernel, mode="valid")


@dataclass(frozen=True, slots=True)
class Path:
    """A player's way over the pitch, tabulated every `STEP` seconds from `start`."""

    start: float
    position: Floats
    """float64 (N, 2), metres."""
    heading: Floats
    """float64 (N,), radians from the x axis, unwrapped."""
    forward: Floats
    """float64 (N,), speed along the heading, m/s."""
    sideways: Floats
    """float64 (N,), speed to the right, m/s."""
    lean: Floats
    """float64 (N,), forward acceleration, m/s²."""
    turning: Floats
    """float64 (N,), rad/s."""
    phase: Floats
    """float64 (N,), strides done."""
    look: Floats
    """float64 (N,), turn of the head to the left, radians."""

    def stride(self, time: float) -> Stride:
        """State of the legs at `time` seconds."""
        at = self._at
        return Stride(
            phase=at(self.phase, time), forward=at(self.forward, time), sideways=at(self.sideways, time),
            lean=at(self.lean, time), turning=at(self.turning, time), look=at(self.look, time),
            idle=2.2 * time + float(self.phase[0]) * 6.0,
        )  # fmt: skip

    def place(self, time: float) -> tuple[float, float, float]:
        """Position x, y in metres and heading in radians at `time` seconds."""
        return self._at(self.position[:, 0], time), self._at(self.position[:, 1], time), self._at(self.heading, time)

    def _at(self, values: Floats, time: float) -> float:
        return float(np.interp((time - self.start) / STEP, np.arange(len(values)), values))


def make_path(
    waypoints: Sequence[Sequence[float]],
    face: Sequence[Sequence[float]],
    ball: NDArray[np.float64],
    duration: float,
    first_phase: float,
) -> Path:
    """Tabulate a path.

    Args:
        waypoints: rows of time in seconds, x and y in metres.
        face: rows of time and heading in degrees; empty = looks along its path when fast, else at the ball.
        ball: float64 (N, 2), the ball on the same moments (from -0.5 s to `duration` + 0.5 s).
        duration: seconds.
        first_phase: place in the stride at the start.
    """
    times = moments(duration)
    rows = np.asarray(waypoints, dtype=np.float64)
    raw = spline(rows[:, 0].tolist(), rows[:, 1:3], times)
    position = np.stack([smooth(raw[:, 0], 0.10), smooth(raw[:, 1], 0.10)], axis=1)
    velocity = np.gradient(position, STEP, axis=0)
    speed = np.linalg.norm(velocity, axis=1)
    to_ball = np.unwrap(np.arctan2(ball[:, 1] - position[:, 1], ball[:, 0] - position[:, 0]))
    heading = _given_heading(face, times) if len(face) else _own_heading(velocity, speed, to_ball)
    heading = smooth(heading, 0.16)
    cos, sin = np.cos(heading), np.sin(heading)
    forward = velocity[:, 0] * cos + velocity[:, 1] * sin
    sideways = velocity[:, 0] * sin - velocity[:, 1] * cos
    rate = np.array([cadence(float(s)) for s in speed])
    turn_to_ball = (to_ball - heading + math.pi) % (2 * math.pi) - math.pi
    return Path(
        start=float(times[0]),
        position=position,
        heading=heading,
        forward=forward,
        sideways=sideways,
        lean=smooth(np.gradient(forward, STEP), 0.12),
        turning=smooth(np.gradient(heading, STEP), 0.10),
        phase=first_phase + np.cumsum(rate) * STEP,
        look=smooth(np.clip(turn_to_ball, -1.0, 1.0), 0.25),
    )


def moments(duration: float) -> NDArray[np.float64]:
    """Moments in seconds at which paths are tabulated: half a second more on both sides."""
    return np.arange(-0.5, duration + 0.5 + STEP, STEP)


def _given_heading(face: Sequence[Sequence[float]], times: NDArray[np.float64]) -> Floats:
    rows = np.asarray(face, dtype=np.float64)
    return np.interp(times, rows[:, 0], np.unwrap(np.radians(rows[:, 1])))


def _own_heading(velocity: Floats, speed: Floats, to_ball: Floats) -> Floats:
    """Along the path when fast, towards the ball when slow, turning the short way."""
    along = np.unwrap(np.arctan2(velocity[:, 1], velocity[:, 0]))
    share = np.clip((speed - FACE_PATH_FROM * 0.6) / (FACE_PATH_FROM * 0.7), 0.0, 1.0)
    gap = np.unwrap((to_ball - along + math.pi) % (2 * math.pi) - math.pi)
    return np.asarray(along + (1.0 - share) * gap)


def joints_at(path: Path, time: float, scale: float) -> dict[str, tuple[Floats, Floats]]:
    """Joints of a player of `scale` times the resting height, before scaling, in its place on the pitch.

    The returned positions are in the resting body's size; multiply the skinned body about its ground point by
    `scale` afterwards (see `world_vertices`).
    """
    stride = path.stride(time)
    slower = Stride(
        stride.phase,
        stride.forward / scale,
        stride.sideways / scale,
        stride.lean,
        stride.turning,
        stride.look,
        stride.idle,
    )
    pose = pose_of(slower)
    _, _, heading = path.place(time)
    lift = np.array([0.0, 0.0, ground_height(pose, slower)])
    return place_joints(pose, lift, rotation(z=heading - math.pi / 2))


def sway(path: Path, time: float) -> Floats:
    """How far loose cloth lags behind the body (3,), metres: against the acceleration, up and down with the steps."""
    stride = path.stride(time)
    _, _, heading = path.place(time)
    speed = math.hypot(stride.forward, stride.sideways)
    back = -0.006 * stride.lean - 0.004 * speed
    side = 0.010 * math.sin(2 * math.pi * stride.phase - 0.9) * min(speed / 3.0, 1.0)
    bounce = 0.008 * math.sin(4 * math.pi * stride.phase) * min(speed / 3.0, 1.0)
    cos, sin = math.cos(heading), math.sin(heading)
    return np.array([back * cos + side * sin, back * sin - side * cos, bounce])
