"""How a body moves its joints when it stands, walks, jogs and sprints: curves over the stride."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render.skeleton import ARM_SPREAD, JOINTS, Floats, place_joints, rotation

CURVE_TIMES = np.array([0.0, 0.12, 0.25, 0.37, 0.50, 0.62, 0.75, 0.88])
"""Places in the stride (0 = this foot lands) at which the curves below are given."""
WALK = {
    "hip": np.array([24.0, 17.0, 7.0, -4.0, -12.0, -6.0, 16.0, 27.0]),
    "knee": np.array([5.0, 16.0, 10.0, 5.0, 12.0, 42.0, 58.0, 22.0]),
    "ankle": np.array([0.0, -5.0, 6.0, 10.0, 6.0, -16.0, -2.0, 2.0]),
}
RUN = {
    "hip": np.array([34.0, 24.0, 2.0, -18.0, -8.0, 24.0, 50.0, 48.0]),
    "knee": np.array([22.0, 40.0, 26.0, 22.0, 68.0, 106.0, 84.0, 34.0]),
    "ankle": np.array([2.0, 16.0, 4.0, -24.0, -22.0, -8.0, 0.0, 4.0]),
}
"""Degrees; hip and knee bend forward and back as positive, ankle positive = toes up."""
WALKING, JOGGING, RUNNING = 1.4, 1.7, 4.2
"""Speeds in m/s: walking as above, beginning to run, running as above."""


@dataclass(frozen=True, slots=True)
class Stride:
    """What the legs are doing at one moment."""

    phase: float
    """Place in the stride of the right foot, 0 to 1."""
    forward: float
    """Speed in the direction the body faces, m/s; negative when backing off."""
    sideways: float
    """Speed to the right of the body, m/s."""
    lean: float
    """Forward acceleration, m/s²."""
    turning: float
    """Rate of turning to the left, rad/s."""
    look: float
    """Turn of the head relative to the body, radians to the left."""
    idle: float
    """A slow clock that moves the arms of a standing player, radians."""


def cadence(speed: float) -> float:
    """Strides (two steps) per second at a speed in m/s.

    >>> round(cadence(0.0), 2), round(cadence(6.0), 2)
    (0.45, 1.63)
    """
    return 0.45 + 0.40 * min(speed, 1.5) / 1.5 + 0.13 * speed


def curve(values: NDArray[np.float64], phase: float) -> float:
    """Periodic cubic through `values` at `CURVE_TIMES`."""
    phase = phase % 1.0
    times = np.concatenate([CURVE_TIMES[-2:] - 1.0, CURVE_TIMES, CURVE_TIMES[:3] + 1.0])
    padded = np.concatenate([values[-2:], values, values[:3]])
    k = int(np.searchsorted(times, phase, side="right")) - 1
    span = times[k + 1] - times[k]
    t = (phase - times[k]) / span
    m0 = (padded[k + 1] - padded[k - 1]) / (times[k + 1] - times[k - 1]) * span
    m1 = (padded[k + 2] - padded[k]) / (times[k + 2] - times[k]) * span
    return float(
        (2 * t**3 - 3 * t**2 + 1) * padded[k]
        + (t**3 - 2 * t**2 + t) * m0
        + (3 * t**2 - 2 * t**3) * padded[k + 1]
        + (t**3 - t**2) * m1
    )


def leg_angles(stride: Stride, phase: float) -> tuple[float, float, float]:
    """Hip, knee and ankle in radians of the leg at `phase` of its stride."""
    speed = math.hypot(stride.forward, stride.sideways)
    running = _ramp((speed - JOGGING) / (RUNNING - JOGGING))
    moving = _ramp(speed / WALKING)
    mixed = {
        k: (1 - running) * curve(WALK[k], phase) + running * curve(RUN[k], phase) for k in ("hip", "knee", "ankle")
    }
    sprint = 1.0 + 0.04 * max(speed - RUNNING, 0.0)
    share = stride.forward / speed if speed > 0.05 else 1.0
    hip = mixed["hip"] * (share if share > 0 else 0.55 * share) * sprint
    hip += (1.0 - abs(share)) * 10.0 * running
    standing = (3.0, 8.0, 0.0)
    angles = (hip, mixed["knee"] * (0.55 + 0.45 * max(share, 0.0)), mixed["ankle"])
    return tuple(math.radians(moving * a + (1 - moving) * s) for a, s in zip(angles, standing, strict=True))  # type: ignore[return-value]  # three of three


def pose_of(stride: Stride) -> dict[str, Floats]:
    """Rotations of all joints for one moment."""
    speed = math.hypot(stride.forward, stride.sideways)
    running, moving = _ramp((speed - JOGGING) / (RUNNING - JOGGING)), _ramp(speed / WALKING)
    wave = math.sin(2 * math.pi * stride.phase)
    swing = math.cos(2 * math.pi * (stride.phase - 0.90))
    pose: dict[str, Floats] = {}
    lean = math.radians(2 + 7 * running) + 0.028 * max(min(stride.lean, 5.0), -5.0)
    lean = lean if stride.forward >= -0.3 else lean * 0.3
    bank = max(min(0.05 * stride.turning * max(speed, 0.5), 0.22), -0.22)
    twist = math.radians(4 + 6 * running) * moving
    pose["pelvis"] = rotation(x=-lean * 0.45, y=-bank + 0.03 * moving * wave, z=twist * swing)
    pose["spine"] = rotation(x=-lean * 0.35, y=-0.02 * moving * wave, z=-twist * 0.9 * swing)
    pose["chest"] = rotation(x=-lean * 0.35, z=-twist * 0.9 * swing)
    pose["neck"] = rotation(x=lean * 0.5, z=stride.look * 0.4)
    pose["head"] = rotation(x=lean * 0.4 - 0.06, z=stride.look * 0.6, y=bank * 0.5)
    for name, sign, offset in (("right", 1.0, 0.0), ("left", -1.0, 0.5)):
        _leg(pose, stride, name, sign, stride.phase + offset)
        _arm(pose, stride, name, sign, running, moving)
    return pose


def _leg(pose: dict[str, Floats], stride: Stride, name: str, sign: float, phase: float) -> None:
    hip, knee, ankle = leg_angles(stride, phase)
    sidestep = 0.07 * max(min(stride.sideways, 3.0), -3.0) * math.cos(2 * math.pi * phase)
    stance = 0.035 + 0.05 * (1.0 - _ramp(math.hypot(stride.forward, stride.sideways) / WALKING))
    pose[f"thigh_{name}"] = rotation(x=hip, y=-sign * stance - sidestep, z=-sign * 0.08)
    pose[f"shin_{name}"] = rotation(x=-knee)
    pose[f"foot_{name}"] = rotation(x=ankle, z=-sign * 0.06)


def _arm(pose: dict[str, Floats], stride: Stride, name: str, sign: float, running: float, moving: float) -> None:
    opposite = stride.phase + (0.5 if name == "right" else 0.0)
    swing = math.cos(2 * math.pi * (opposite - 0.90))
    slow, idle = 1 - running, restlessness(stride.idle, sign)
    reach = math.radians(22 + 24 * running) * moving * swing + slow * 0.22 * (idle - 0.3)
    back = math.radians(-6 - 8 * running)
    closing = ARM_SPREAD - math.radians(13 + 7 * running) - slow * 0.10 * idle
    bend = math.radians(28 + 54 * running + 16 * swing * moving) + slow * 0.45 * idle
    inward = rotation(y=sign * closing)
    pose[f"upper_arm_{name}"] = rotation(x=reach + back) @ inward
    pose[f"forearm_{name}"] = inward.T @ rotation(x=bend, z=sign * (0.30 + 0.10 * running)) @ inward
    pose[f"hand_{name}"] = rotation(z=sign * 0.3)


def restlessness(clock: float, sign: float) -> float:
    """How far a slow player has raised one arm of itself, about -1 to 1; the two arms (`sign`) differ.

    >>> round(restlessness(0.0, 1.0), 2), round(restlessness(0.0, -1.0), 2)
    (0.92, -0.92)
    """
    return 0.6 * math.sin(0.55 * clock + sign * 1.9) + 0.4 * math.sin(1.3 * clock + sign * 1.1)


def ground_height(pose: dict[str, Floats], stride: Stride) -> float:
    """Height in metres to lift the body by so that its lowest sole touches the grass (or flies, when it runs)."""
    placed = place_joints(pose, np.zeros(3), np.eye(3))
    lowest = math.inf
    for name in ("right", "left"):
        matrix, position = placed[f"foot_{name}"]
        x = JOINTS[f"foot_{name}"][0]
        for sole in ((x, -0.07, 0.0), (x, 0.08, 0.0), (x, 0.18, 0.008)):
            point = position + matrix @ (np.array(sole) - np.array(JOINTS[f"foot_{name}"]))
            lowest = min(lowest, float(point[2]))
    speed = math.hypot(stride.forward, stride.sideways)
    flight = _ramp((speed - 2.2) / 3.0) * 0.05 * max(math.sin(4 * math.pi * (stride.phase - 0.33)), 0.0)
    return -lowest + flight


def _ramp(t: float) -> float:
    t = min(max(t, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)
