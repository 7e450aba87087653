"""Kit colours: histograms over CIE Lab, and the plain names people give them."""

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.kits.cells import Float, LabCells

GRID = LabCells(bins=(6, 12, 12), low=(0.0, -72.0, -72.0), step=(20.0, 144.0 / 11.0, 144.0 / 11.0))
CELLS = GRID.count
_COLOURS = GRID.colours()
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
"""Linear sRGB to the responses of the eye's cones, as Oklab takes them."""
_FROM_CONES = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
"""Cube roots of those to Oklab."""
_PURPLE_FROM = 286.0
"""Hue in Oklab, degrees, from which what Lab calls blue is purple: a shirt of #61509f has 291, one of #5a5aaf 281."""


def histogram(lab: Float) -> Float:
    """Share of pixels per colour cell of `GRID`.

    Args:
        lab: (..., 3) CIE Lab, L 0 to 100.

    Returns:
        (CELLS,), sums to 1; zeros without pixels.
    """
    return np.asarray(GRID.histograms(lab.reshape(1, -1, 3))[0], np.float64)


def colour_name(lab: Float) -> str:
    """Plain English name of a CIE Lab colour as kits look in match video.

    Args:
        lab: (3,), L 0 to 100, a and b about -100 to 100.

    Example:
        >>> colour_name(np.array([90.0, 0.0, 2.0])), colour_name(np.array([18.0, 6.0, -24.0]))
        ('white', 'navy')
    """
    name = _lab_name(lab)
    is_purple = name in {"blue", "navy"} and lab[0] >= 25.0 and _oklab_degrees(lab) > _PURPLE_FROM
    return "purple" if is_purple else name


def _lab_name(lab: Float) -> str:
    """The same by Lab alone, in which the hues of blue and purple run together."""
    lightness, a, b = (float(v) for v in lab)
    chroma = float(np.hypot(a, b))
    if lightness >= 62.0 and chroma < 22.0:
        return "white"
    if chroma < (10.0 if lightness >= 25.0 else 13.0):
        return "grey" if lightness >= 38.0 else "black"
    degrees = float(np.degrees(np.arctan2(b, a))) % 360.0
    if lightness >= 62.0 and chroma < 29.0 and 300.0 <= degrees <= 340.0:
        return "white"  # under stadium light
    hue = next(name for bound, name in _HUES if degrees <= bound)
    if hue == "blue":
        royal = lightness >= 25.0 and chroma >= 48.0
        return "light blue" if lightness >= 58.0 else "blue" if lightness >= 35.0 or royal else "navy"
    if hue == "red":
        return "pink" if lightness >= 68.0 else "red" if lightness >= 22.0 else "dark red"
    if hue == "pink" and lightness < 55.0:
        return "red" if lightness >= 22.0 else "dark red"
    if hue == "orange" and lightness < 45.0:
        return "red" if degrees < 62.0 and chroma > 30.0 else "brown"
    if lightness < 42.0 and chroma < 25.0 and hue in {"yellow", "lime", "green"}:
        return "dark green" if lightness >= 25.0 else "black"
    return hue


def _oklab_degrees(lab: Float) -> float:
    """Hue of a CIE Lab colour in Oklab (Ottosson 2020), where blue and purple lie apart."""
    linear = cv2.cvtColor(np.asarray(lab, np.float32).reshape(1, 1, 3), cv2.COLOR_LAB2LRGB)[0, 0].astype(np.float64)
    _, a, b = _FROM_CONES @ np.cbrt(_TO_CONES @ linear)
    return float(np.degrees(np.arctan2(b, a))) % 360.0


def name_kits(kits: Sequence[Float]) -> list[tuple[str, tuple[int, int, int]]]:
    """A name and the main colour (RGB, 0 to 255) for each kit.

    Args:
        kits: Histograms (CELLS,), best supported first: the first ones keep the plainest names.

    Returns:
        One pair per kit; no name occurs twice ('red', then 'dark red', 'red/white' or 'red 2').
    """
    taken: dict[str, float] = {}
    named = []
    scores = [_telling_shares(histogram) for histogram in kits]
    common = 0.8 * np.min(scores[:3], axis=0) if len(kits) > 1 else np.zeros(len(_FAMILIES))
    for histogram, score in zip(kits, scores, strict=True):
        main, *others = _colours(histogram, score - common)
        name = colour_name(main)
        choices = [name]
        if name in taken:
            shade = "dark" if main[0] < taken[name] else "light"
            if name in _SHADED and abs(main[0] - taken[name]) >= 12.0:
                choices.append(f"{shade} {name}")
            choices += [f"{name}/{colour_name(other)}" for other in others if colour_name(other) != name]
        choices += [f"{name} {i}" for i in range(2, len(kits) + 2)]
        chosen = next(choice for choice in choices if choice not in taken)
        taken[chosen] = float(main[0])
        named.append((chosen, _rgb(main)))
    return named


def _telling_shares(histogram: Float) -> Float:
    """Share of each colour family in a kit, (families,), by how much it says about the kit."""
    shares = np.bincount(_FAMILY, histogram / histogram.sum() * _TELLING, len(_FAMILIES))
    return np.asarray(shares, np.float64)


def _colours(histogram: Float, scores: Float) -> list[Float]:
    """The Lab colours (3,) people would name a kit by, most telling first; at least one, all of them in the kit."""
    scores = np.where(np.bincount(_FAMILY, histogram, len(_FAMILIES)) > 0.0, scores, -np.inf)
    order = np.argsort(-scores, kind="stable")
    strong = [f for f in order if f == order[0] or scores[f] >= max(0.15, scores[order[0]] / 2)]
    masks = [np.equal(_FAMILY, family) for family in strong]
    return [histogram[mask] @ _COLOURS[mask] / histogram[mask].sum() for mask in masks]


def _rgb(lab: Float) -> tuple[int, int, int]:
    pixel = cv2.cvtColor(lab.astype(np.float32).reshape(1, 1, 3), cv2.COLOR_LAB2RGB)[0, 0]
    red, green, blue = (round(float(np.clip(v, 0.0, 1.0)) * 255) for v in pixel)
    return red, green, blue


def _telling(lab: Float) -> float:
    """How much a colour says about a kit: shadows, folds, skin and grass are on every picture."""
    name, chroma = _lab_name(lab), float(np.hypot(lab[1], lab[2]))
    if name in {"grey", "black"}:
        return 0.35 if name == "grey" else 0.5
    degrees = float(np.degrees(np.arctan2(lab[2], lab[1])))
    skin = chroma < 38.0 and 15.0 <= lab[0] <= 75.0 and 20.0 <= degrees <= 75.0
    grass = chroma < 32.0 and lab[0] <= 75.0 and 85.0 <= degrees <= 175.0
    if skin or grass:
        return 0.5 if skin else 0.3
    return 1.1 if name == "white" else 1.0


_HUES: tuple[tuple[float, str], ...] = (
    (12.0, "pink"),
    (45.0, "red"),
    (75.0, "orange"),
    (111.0, "yellow"),
    (124.0, "lime"),
    (175.0, "green"),
    (218.0, "turquoise"),
    (308.0, "blue"),
    (340.0, "purple"),
    (360.0, "pink"),
)
"""Upper bound of each hue, in degrees of the Lab a-b plane."""
_FAMILIES = (
    {"white"},
    {"grey"},
    {"black"},
    {"red", "dark red", "pink"},
    {"orange", "brown"},
    {"yellow", "lime"},
    {"green", "dark green"},
    {"turquoise"},
    {"blue", "light blue", "navy"},
    {"purple"},
)
"""Colours that light and shadow make of one another."""
_SHADED = {"red", "orange", "yellow", "green", "turquoise", "blue", "purple", "grey"}
_NAMES = [_lab_name(cell) for cell in _COLOURS]
_FAMILY = np.array([next(i for i, family in enumerate(_FAMILIES) if name in family) for name in _NAMES])
_TELLING = np.array([_telling(cell) for cell in _COLOURS])
