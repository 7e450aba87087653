"""The joints of a player and the skinning that lets a surface follow them.

Rest pose: upright, facing +y, right hand towards +x, arms spread a little, metres. Angles of a pose are radians.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ARM_SPREAD = math.radians(38.0)
"""Angle between a resting upper arm and the vertical."""

PARENTS: dict[str, str | None] = {"pelvis": None, "spine": "pelvis", "chest": "spine", "neck": "chest", "head": "neck"}
JOINTS: dict[str, tuple[float, float, float]] = {
    "pelvis": (0.0, 0.0, 0.96),
    "spine": (0.0, -0.01, 1.08),
    "chest": (0.0, -0.01, 1.24),
    "neck": (0.0, -0.015, 1.49),
    "head": (0.0, 0.0, 1.57),
}


def _limbs() -> None:
    out, down = math.sin(ARM_SPREAD), math.cos(ARM_SPREAD)
    for name, sign in (("right", 1.0), ("left", -1.0)):
        shoulder = np.array([0.178 * sign, -0.012, 1.425])
        along = np.array([out * sign, 0.0, -down])
        for joint, reach, parent in (
            ("upper_arm", 0.0, "chest"),
            ("forearm", 0.285, "upper_arm"),
            ("hand", 0.53, "forearm"),
        ):
            JOINTS[f"{joint}_{name}"] = tuple(float(c) for c in shoulder + reach * along)  # type: ignore[assignment]  # three numbers
            PARENTS[f"{joint}_{name}"] = parent if parent == "chest" else f"{parent}_{name}"
        for joint, place, parent in (
            ("thigh", (0.092, 0.0, 0.93), "pelvis"),
            ("shin", (0.100, 0.008, 0.50), "thigh"),
            ("foot", (0.102, -0.018, 0.085), "shin"),
        ):
            JOINTS[f"{joint}_{name}"] = (place[0] * sign, place[1], place[2])
            PARENTS[f"{joint}_{name}"] = parent if parent == "pelvis" else f"{parent}_{name}"


_limbs()
BONES: tuple[str, ...] = tuple(JOINTS)
HEIGHT = 1.80
"""Height of the resting body, metres."""

Pose = Mapping[str, Floats]
"""Rotation (3, 3) of a joint relative to its parent, by joint; one that is missing does not turn."""


def rotation(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Floats:
    """Rotation matrix of turning about z, then y, then x of the turned body (radians)."""
    cx, sx, cy, sy, cz, sz = math.cos(x), math.sin(x), math.cos(y), math.sin(y), math.cos(z), math.sin(z)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x, dtype=np.float64)


def place_joints(pose: Pose, root: Floats, turn: Floats) -> dict[str, tuple[Floats, Floats]]:
    """Where each joint goes.

    Args:
        pose: rotations by joint.
        root: displacement (3,) of the whole body, metres.
        turn: rotation (3, 3) of the whole body about the ground point under it.

    Returns:
        By joint: its rotation (3, 3) and position (3,) in the world.
    """
    placed: dict[str, tuple[Floats, Floats]] = {}
    for bone in BONES:
        parent, own = PARENTS[bone], pose.get(bone, np.eye(3))
        if parent is None:
            placed[bone] = (turn @ own, turn @ np.array(JOINTS[bone]) + root)
        else:
            matrix, position = placed[parent]
            offset = np.array(JOINTS[bone]) - np.array(JOINTS[parent])
            placed[bone] = (matrix @ own, position + matrix @ offset)
    return placed


def skin(vertices: Floats, weights: Floats, placed: Mapping[str, tuple[Floats, Floats]]) -> Floats:
    """Vertices (V, 3) carried by the joints; `weights` is (V, bones) with rows that sum to 1."""
    result = np.zeros_like(vertices)
    for k, bone in enumerate(BONES):
        weight = weights[:, k]
        used = weight > 1e-4
        if used.any():
            matrix, position = placed[bone]
            moved = (vertices[used] - np.array(JOINTS[bone])) @ matrix.T + position
            result[used] += weight[used, None] * moved
    return result
