"""The shape of a player's body and clothes in the resting pose, as signed distances."""

from dataclasses import dataclass

import numpy as np

from training.render.geometry import Distance, Ellipsoid, Floats, Tube, blend, carve
from training.render.skeleton import JOINTS

SIDES = ("right", "left")


@dataclass(frozen=True, slots=True)
class Build:
    """How one player differs from another."""

    girth: float = 1.0
    """Thickness of trunk and limbs, 1 = average."""
    fit: float = 1.0
    """Looseness of the clothes, 1 = average."""
    hair: str = "short"
    """`short`, `crop`, `curly`, `long` or `bald`."""
    seed: int = 0
    """Where the folds of the clothes lie."""


def _mirror(x: float, side: str) -> float:
    return x if side == "right" else -x


def trunk(girth: float) -> Tube:
    """From the crotch to the base of the neck."""
    g = girth
    rows = [
        (0.88, 0.125, 0.085, -0.005), (0.93, 0.162 * g, 0.112 * g, -0.012), (0.99, 0.160 * g, 0.115 * g, -0.012),
        (1.08, 0.143 * g, 0.100 * g, 0.0), (1.16, 0.145 * g, 0.100 * g, 0.004), (1.26, 0.163 * g, 0.113 * g, 0.004),
        (1.34, 0.174 * g, 0.118 * g, 0.0), (1.40, 0.170 * g, 0.105 * g, -0.008), (1.445, 0.150, 0.085, -0.012),
        (1.475, 0.105, 0.070, -0.015), (1.50, 0.070, 0.062, -0.012),
    ]  # fmt: skip
    low, high = rows[0][0], rows[-1][0]
    sections = tuple(((z - low) / (high - low), a, b, c) for z, a, b, c in rows)
    return Tube((0.0, 0.0, low), (0.0, 0.0, high), sections)


def neck() -> Tube:
    """From between the shoulders to the skull."""
    return Tube(
        (0.0, -0.02, 1.44), (0.0, 0.0, 1.60), ((0.0, 0.105, 0.08, 0), (0.5, 0.070, 0.068, 0), (1.0, 0.064, 0.064, 0))
    )


def head() -> Distance:
    """Skull, jaw, nose and ears."""
    skull = Ellipsoid((0.0, -0.004, 1.695), (0.076, 0.098, 0.105))
    jaw = Ellipsoid((0.0, 0.024, 1.635), (0.060, 0.068, 0.070))
    chin = Ellipsoid((0.0, 0.068, 1.592), (0.030, 0.026, 0.022))
    nose = Tube((0.0, 0.090, 1.695), (0.0, 0.112, 1.657), ((0.0, 0.010, 0.010, 0), (1.0, 0.016, 0.014, 0)))
    brow = Ellipsoid((0.0, 0.080, 1.712), (0.050, 0.018, 0.012))
    ears = [Ellipsoid((0.078 * s, -0.004, 1.675), (0.010, 0.022, 0.032)) for s in (1, -1)]
    eyes = [Ellipsoid((0.031 * s, 0.100, 1.690), (0.018, 0.016, 0.011)) for s in (1, -1)]

    def distance(points: Floats) -> Floats:
        solid = blend([part(points) for part in (skull, jaw, chin)], 0.04)
        solid = blend([solid, nose(points), brow(points), *(ear(points) for ear in ears)], 0.012)
        for eye in eyes:
            solid = carve(solid, -eye(points), 0.012)
        return solid

    return distance


def upper_arm(side: str, girth: float) -> Tube:
    """Shoulder to elbow."""
    g = girth
    rows = (
        (0.0, 0.062 * g, 0.062 * g, 0),
        (0.25, 0.060 * g, 0.060 * g, 0),
        (0.6, 0.049 * g, 0.052 * g, 0.002),
        (1.0, 0.038, 0.040, 0),
    )
    return Tube(JOINTS[f"upper_arm_{side}"], JOINTS[f"forearm_{side}"], rows)


def forearm(side: str, girth: float) -> Tube:
    """Elbow to wrist."""
    g = girth
    rows = ((0.0, 0.038, 0.040, 0), (0.25, 0.043 * g, 0.044 * g, 0.002), (0.7, 0.034, 0.032, 0), (1.0, 0.028, 0.023, 0))
    return Tube(JOINTS[f"forearm_{side}"], JOINTS[f"hand_{side}"], rows)


def hand(side: str) -> Distance:
    """A half-closed hand with a thumb."""
    wrist, elbow = np.array(JOINTS[f"hand_{side}"]), np.array(JOINTS[f"forearm_{side}"])
    along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    front, inner = np.array([0.0, 1.0, 0.0]), np.array([_mirror(-1.0, side), 0.0, 0.0])
    knuckles = wrist + 0.095 * along
    tips = knuckles + 0.055 * along + 0.045 * inner
    base = wrist + 0.03 * along + 0.02 * front
    thumb = base + 0.055 * along + 0.035 * front + 0.02 * inner

    def tube(a: Floats, b: Floats, rows: tuple[tuple[float, float, float, float], ...]) -> Tube:
        return Tube(tuple(a.tolist()), tuple(b.tolist()), rows)

    parts = [
        tube(wrist, knuckles, ((0.0, 0.026, 0.024, 0), (0.6, 0.024, 0.042, 0), (1.0, 0.022, 0.044, 0))),
        tube(knuckles, tips, ((0.0, 0.020, 0.042, 0), (1.0, 0.015, 0.034, 0))),
        tube(base, thumb, ((0.0, 0.016, 0.016, 0), (1.0, 0.012, 0.012, 0))),
    ]
    return lambda points: blend([part(points) for part in parts], 0.02)


def thigh(side: str, girth: float) -> Tube:
    """Hip to knee."""
    g = girth
    rows = (
        (0.0, 0.088 * g, 0.098 * g, -0.006), (0.2, 0.087 * g, 0.096 * g, 0.0), (0.5, 0.076 * g, 0.083 * g, 0.008),
        (0.8, 0.059 * g, 0.062 * g, 0.006), (1.0, 0.053, 0.056, 0.006),
    )  # fmt: skip
    return Tube(JOINTS[f"thigh_{side}"], JOINTS[f"shin_{side}"], rows)


def shin(side: str, girth: float) -> Tube:
    """Knee to ankle."""
    g = girth
    rows = (
        (0.0, 0.052, 0.055, 0.004), (0.15, 0.052 * g, 0.055 * g, -0.006), (0.35, 0.054 * g, 0.060 * g, -0.018),
        (0.65, 0.043 * g, 0.046 * g, -0.012), (0.9, 0.035, 0.038, 0.0), (1.0, 0.037, 0.042, 0.0),
    )  # fmt: skip
    return Tube(JOINTS[f"shin_{side}"], JOINTS[f"foot_{side}"], rows)


def foot(side: str, thicker: float = 0.0) -> Distance:
    """A boot: heel, instep and toes, flat below."""
    x, t = _mirror(0.102, side), thicker
    toe_x = _mirror(0.118, side)
    upward = (0.0, 0.0, 1.0)
    flat = ((0.0, 0.036 + t, 0.038 + t, 0), (0.6, 0.047 + t, 0.034 + t, 0), (1.0, 0.036 + t, 0.024 + t, 0))
    sole = Tube((x, -0.055, 0.038), (toe_x, 0.165, 0.030), flat, upward)
    falling = ((0.0, 0.040 + t, 0.045 + t, 0), (1.0, 0.036 + t, 0.022 + t, 0))
    instep = Tube((x, -0.03, 0.085), (toe_x, 0.09, 0.045), falling, upward)

    def distance(points: Floats) -> Floats:
        return carve(blend([sole(points), instep(points)], 0.03), -points[:, 2], 0.01)

    return distance


def body_parts(girth: float) -> dict[str, Distance]:
    """The naked body's part for each bone (the trunk stands for pelvis, spine and chest)."""
    parts: dict[str, Distance] = {"trunk": trunk(girth), "neck": neck(), "head": head()}
    for side in SIDES:
        parts[f"upper_arm_{side}"] = upper_arm(side, girth)
        parts[f"forearm_{side}"] = forearm(side, girth)
        parts[f"hand_{side}"] = hand(side)
        parts[f"thigh_{side}"] = thigh(side, girth)
        parts[f"shin_{side}"] = shin(side, girth)
        parts[f"foot_{side}"] = foot(side)
    return parts
