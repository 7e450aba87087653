"""Skin, hair and clothes of a player: what is meshed, between which heights, following which bones."""

from dataclasses import dataclass

import numpy as np

from training.render import anatomy
from training.render.anatomy import SIDES, Build
from training.render.geometry import Distance, Ellipsoid, Floats, Tube, blend, carve
from training.render.skeleton import JOINTS


@dataclass(frozen=True, slots=True)
class Garment:
    """One meshed layer."""

    name: str
    """`skin`, `head`, `hair`, `shirt`, `shorts`, `socks` or `boots`; also the name of its material."""
    distance: Distance
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    spacing: float
    """Size of a mesh cell, metres."""
    bones: tuple[str, ...]
    """Names of the body parts it may follow (without side); `trunk` = pelvis, spine and chest."""


def folds(points: Floats, seed: int, amount: float) -> Floats:
    """How far cloth stands off (metres, both signs): a few slanting waves of different lengths."""
    rng = np.random.default_rng(seed)
    height = np.zeros(len(points))
    for wave in (0.16, 0.11, 0.075, 0.055):
        direction = rng.normal(size=3) * (1.0, 1.0, 0.55)
        direction /= np.linalg.norm(direction)
        bend = 0.6 * np.sin(points @ rng.normal(size=3) * 9.0 + rng.uniform(0, 6))
        ridge = np.sin(points @ direction * (2 * np.pi / wave) + bend * 2 + rng.uniform(0, 6))
        height += ridge * wave
    return amount * height / 0.4


def garments(build: Build) -> list[Garment]:
    """All layers of one player."""
    layers = [_limbs(build), _head(), _shirt(build), _shorts(build), _socks(build), _boots()]
    return layers if build.hair == "bald" else [*layers, _hair(build)]


def _limbs(build: Build) -> Garment:
    parts = anatomy.body_parts(build.girth)
    names = [n for n in parts if not n.startswith(("head", "foot", "trunk"))]

    def distance(points: Floats) -> Floats:
        return blend([parts[n](points) for n in names], 0.02)

    return Garment(
        "skin",
        distance,
        (-0.60, -0.14, 0.10),
        (0.60, 0.16, 1.60),
        0.024,
        ("neck", "upper_arm", "forearm", "hand", "thigh", "shin"),
    )


def _head() -> Garment:
    return Garment("head", anatomy.head(), (-0.10, -0.11, 1.54), (0.10, 0.14, 1.81), 0.0135, ("head",))


def _hair(build: Build) -> Garment:
    skull = Ellipsoid((0.0, -0.006, 1.695), (0.079, 0.101, 0.108))
    thickness = {"crop": 0.002, "short": 0.009, "curly": 0.026, "long": 0.014}[build.hair]
    waves = {"crop": 0.0, "short": 0.003, "curly": 0.006, "long": 0.003}[build.hair]

    def distance(points: Floats) -> Floats:
        y, z = points[:, 1], points[:, 2]
        cap = skull(points) - thickness - waves * np.sin(points @ [61.0, 47.0, 53.0])
        front = 1.748 - 0.030 * np.clip((0.055 - y) / 0.03, 0, 1) - 0.100 * np.clip((0.000 - y) / 0.045, 0, 1)
        front = front + 0.006 * np.sin(points[:, 0] * 90.0 + 1.0)
        nape = 0.075 if build.hair == "long" else 0.0
        edge = front - nape * (y < -0.02)
        return carve(cap, edge - z, 0.012)

    return Garment("hair", distance, (-0.13, -0.15, 1.52), (0.13, 0.14, 1.85), 0.018, ("head",))


def _shirt(build: Build) -> Garment:
    g, loose = build.girth, 0.012 * build.fit
    rows = [
        (0.84, 0.196 * g, 0.154 * g, -0.006), (0.95, 0.188 * g, 0.142 * g, -0.006), (1.08, 0.174 * g, 0.126 * g, 0.0),
        (1.20, 0.172 * g, 0.122 * g, 0.003), (1.30, 0.180 * g, 0.125 * g, 0.002), (1.38, 0.180 * g, 0.116 * g, -0.005),
        (1.440, 0.168, 0.100, -0.012), (1.485, 0.134, 0.086, -0.015), (1.525, 0.096, 0.078, -0.014),
        (1.555, 0.080, 0.074, -0.010),
    ]  # fmt: skip
    span = rows[-1][0] - rows[0][0]
    body = Tube(
        (0, 0, rows[0][0]), (0, 0, rows[-1][0]), tuple(((z - rows[0][0]) / span, a, b, c) for z, a, b, c in rows)
    )
    sleeves = [_sleeve(side, build) for side in SIDES]

    def distance(points: Floats) -> Floats:
        z = points[:, 2]
        hang = np.clip((1.40 - z) / 0.45, 0.15, 1.0)
        solid = blend([body(points), *(s(points) for s in sleeves)], 0.05)
        solid = solid - loose * hang - folds(points, build.seed, 0.017 * build.fit) * hang
        wave = 0.008 * np.sin(np.arctan2(points[:, 1], points[:, 0]) * 5 + build.seed)
        solid = carve(solid, 0.835 + wave - z, 0.012)
        collar = z - 1.531 + 0.25 * points[:, 1]
        return carve(solid, collar, 0.01)

    return Garment("shirt", distance, (-0.46, -0.21, 0.81), (0.46, 0.21, 1.57), 0.022, ("trunk", "upper_arm", "thigh"))


def _sleeve(side: str, build: Build) -> Distance:
    shoulder, elbow = np.array(JOINTS[f"upper_arm_{side}"]), np.array(JOINTS[f"forearm_{side}"])
    g, f = build.girth, build.fit
    rows = (
        (0.0, 0.074 * g, 0.074 * g, 0),
        (0.4, 0.070 * g + 0.004 * f, 0.072 * g + 0.004 * f, 0),
        (1.0, 0.066 * g + 0.010 * f, 0.070 * g + 0.012 * f, 0),
    )
    tube = Tube(tuple(shoulder.tolist()), tuple(elbow.tolist()), rows)
    axis = (elbow - shoulder) / np.linalg.norm(elbow - shoulder)
    length = 0.215
    return lambda points: carve(tube(points), (points - shoulder) @ axis - length, 0.012)


def _shorts(build: Build) -> Garment:
    g, f = build.girth, build.fit
    waist = Tube(
        (0, -0.008, 0.84),
        (0, -0.008, 1.02),
        ((0.0, 0.160 * g, 0.112 * g, 0), (0.5, 0.176 * g, 0.128 * g, 0), (1.0, 0.160 * g, 0.118 * g, 0)),
    )
    legs = []
    for side in SIDES:
        x = 0.102 if side == "right" else -0.102
        rows = (
            (0.0, 0.100 * g, 0.118 * g, -0.004),
            (0.5, 0.100 * g + 0.010 * f, 0.114 * g + 0.008 * f, 0.0),
            (1.0, 0.100 * g + 0.020 * f, 0.112 * g + 0.018 * f, 0.004),
        )
        legs.append(Tube((x * 0.92, 0, 0.92), (x * 1.10, 0.004, 0.60), rows))

    def distance(points: Floats) -> Floats:
        solid = blend([waist(points), *(leg(points) for leg in legs)], 0.03)
        solid = solid - folds(points, build.seed + 1, 0.012 * f)
        solid = solid + 0.030 * np.clip((points[:, 2] - 0.83) / 0.06, 0, 1)
        apart = 0.006 + 0.03 * np.clip((0.86 - points[:, 2]) / 0.2, 0, 1) - np.abs(points[:, 0])
        solid = np.where(points[:, 2] < 0.87, carve(solid, apart, 0.008), solid)
        return carve(carve(solid, 0.625 - points[:, 2], 0.01), points[:, 2] - 0.95, 0.01)

    return Garment("shorts", distance, (-0.30, -0.20, 0.60), (0.30, 0.20, 1.05), 0.023, ("pelvis", "thigh"))


def _socks(build: Build) -> Garment:
    legs = [anatomy.shin(side, build.girth) for side in SIDES]
    feet = [anatomy.foot(side) for side in SIDES]

    def distance(points: Floats) -> Floats:
        solid = blend([*(leg(points) for leg in legs), *(foot(points) for foot in feet)], 0.03) - 0.007
        return carve(carve(solid, points[:, 2] - 0.455, 0.008), 0.05 - points[:, 2], 0.01)

    return Garment("socks", distance, (-0.19, -0.13, 0.04), (0.19, 0.20, 0.47), 0.021, ("shin", "foot"))


def _boots() -> Garment:
    feet = [anatomy.foot(side, 0.009) for side in SIDES]

    def distance(points: Floats) -> Floats:
        ankle = points[:, 2] - 0.088 + 0.25 * np.clip(points[:, 1], -0.05, 0.1)
        return carve(np.minimum(feet[0](points), feet[1](points)), ankle, 0.008)

    return Garment("boots", distance, (-0.20, -0.13, -0.01), (0.20, 0.23, 0.12), 0.018, ("foot",))
