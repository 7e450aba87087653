"""Invents a match: kits, people, their ways, light and cameras, all drawn from one seed."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from training.render.settings import (
    BallSettings,
    Colour,
    LightSettings,
    PersonSettings,
    PictureSettings,
    RenderSettings,
    ScoreSettings,
    ShotSettings,
    TeamSettings,
)
from training.render.skeleton import Floats

SHOT_SECONDS = 4.0
"""About how long a camera is on air."""
FIELD = ((8.0, 44.0), (-26.0, 30.0))
"""Where the play goes, metres from the centre spot along x and y: where ground and stands are modelled."""
KICK_OFF = -8.0
"""The play begins nearer to the cameras than this y, so that it has far to run away from them."""
MIDDLE_LIGHT = 4.7
"""What `LightSettings.exposure` 0.15 suits: sun on level ground plus sky, W/m²."""
SKY = 2.36
"""The same of a sky of strength 1 alone."""
CLOTHS: tuple[Colour, ...] = (
    (186, 16, 28), (238, 240, 244), (22, 40, 120), (24, 24, 28), (238, 204, 30), (20, 110, 60), (110, 180, 226),
    (120, 20, 50), (240, 120, 30), (90, 40, 140), (150, 152, 158), (12, 80, 90), (226, 92, 130), (200, 240, 60),
)  # fmt: skip
ROLES: tuple[Literal["player", "goalkeeper", "referee"], ...] = (
    "player", "player", "goalkeeper", "goalkeeper", "referee",
)  # fmt: skip
"""Of who wears each kit, in the order of `_kits`."""
PATTERNS: tuple[Literal["plain", "stripes", "sash", "shoulders"], ...] = (
    "plain", "plain", "shoulders", "sash", "stripes",
)  # fmt: skip
STYLES: tuple[Literal["short", "crop", "curly", "long", "bald"], ...] = ("short", "crop", "curly", "long", "bald")
SKINS: tuple[Colour, ...] = (
    (232, 190, 164), (224, 178, 148), (205, 156, 124), (150, 104, 76), (96, 64, 46),
)  # fmt: skip
HAIRS: tuple[Colour, ...] = ((26, 20, 18), (62, 42, 28), (110, 58, 30), (150, 112, 62), (40, 30, 24))
SYLLABLES = ("BER", "LO", "MAR", "TA", "NI", "KOV", "SAN", "DE", "RU", "FEL", "OST", "HA", "LIN", "VA", "DOR", "QUI")


def invent(
    seed: int, picture: PictureSettings | None = None, typefaces: Sequence[str] = (), side: int = 8
) -> RenderSettings:
    """A whole match drawn from a seed.

    Args:
        seed: same seed, same match.
        picture: size, length and cost of the video; the numbers of everyone's back stay the same whatever it is.
        typefaces: font files to choose the digits from, beside the two built-in styles.
        side: outfield players of each side; a goalkeeper each and a referee come beside them.
    """
    rng = np.random.default_rng(seed)
    picture = picture or PictureSettings()
    teams = _kits(rng, ("block", "round", *typefaces))
    centre, people = _people(rng, teams, side, picture.duration_seconds)
    return RenderSettings(
        name=f"invented{seed}",
        seed=seed,
        picture=picture,
        shots=_shots(rng, centre, picture),
        light=_light(rng),
        teams=teams,
        people=people,
        ball=_ball(rng, people),
        score=ScoreSettings(
            teams=("HOM", "AWY"), colours=(teams[0].shirt, teams[1].shirt), clock_seconds=int(rng.integers(5400))
        )
        if rng.random() < 0.7
        else None,
    )


def apart(a: Colour, b: Colour) -> float:
    """How far two colours are apart to the eye: 0 to about 765, with brightness counted as much as all hue.

    >>> round(apart((0, 0, 0), (255, 255, 255)))
    765
    """
    difference = np.subtract(a, b).astype(np.float64)
    return float(np.abs(difference).mean() + 2 * abs(difference @ np.array([0.299, 0.587, 0.114])))


def _kits(rng: np.random.Generator, typefaces: Sequence[str]) -> tuple[TeamSettings, ...]:
    """Two sides, their goalkeepers and the referee, every shirt unlike those before it."""
    shirts: list[Colour] = []
    while len(shirts) < 5:
        colour = CLOTHS[int(rng.integers(len(CLOTHS)))]
        if all(apart(colour, other) > 90 for other in shirts):
            shirts.append(colour)
    kits = [_kit(rng, shirt, typefaces) for shirt in shirts[:2]]
    home, away = (replace(kit, name=name) for kit, name in zip(kits, ("home", "away"), strict=True))
    keepers = (
        replace(_kit(rng, shirt, typefaces), name=f"{team.name} keeper", pattern="plain", typeface=team.typeface)
        for team, shirt in zip((home, away), shirts[2:4], strict=True)
    )
    referee = TeamSettings(name="referee", shirt=shirts[4], trim=shirts[4], shorts=(24, 24, 26), socks=(24, 24, 26))
    return (home, away, *keepers, referee)


def _kit(rng: np.random.Generator, shirt: Colour, typefaces: Sequence[str]) -> TeamSettings:
    inks = [c for c in (*CLOTHS, (252, 252, 252)) if apart(c, shirt) > 260]
    ink = inks[int(rng.integers(len(inks)))]
    trims = [c for c in CLOTHS if apart(c, ink) > 90]
    trim = trims[int(rng.integers(len(trims)))]
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
    if pattern == "stripes" and apart(trim, ink) < 200:
        pattern = "shoulders"  # digits on stripes must stand out from both
    shorts = shirt if rng.random() < 0.5 else CLOTHS[int(rng.integers(len(CLOTHS)))]
    outlines = [c for c in CLOTHS if apart(c, ink) > 200]
    return TeamSettings(
        shirt=shirt,
        trim=trim,
        pattern=pattern,
        shorts=shorts,
        socks=shirt if rng.random() < 0.6 else shorts,
        digits=ink,
        outline=outlines[int(rng.integers(len(outlines)))] if rng.random() < 0.35 else None,
        typeface=typefaces[int(rng.integers(len(typefaces)))],
        digit_height=float(rng.uniform(0.26, 0.34)),
    )


def _people(
    rng: np.random.Generator, teams: Sequence[TeamSettings], side: int, seconds: float
) -> tuple[Floats, tuple[PersonSettings, ...]]:
    """The middle of the play as rows of time, x and y, and everyone round it."""
    times = np.arange(0.0, seconds + 2.0, 2.0)
    centre = _wander(rng, times)
    people, places = [], _places(rng, 2 * side + 3)
    worn = [(rng.permutation(99)[: side + 1] + 1).tolist() for _ in range(2)]
    numbers = [worn[0][1:], worn[1][1:], worn[0][:1], worn[1][:1], [0]]
    for team, role, own_numbers in zip(teams, ROLES, numbers, strict=True):
        for number in own_numbers:
            offset = places.pop()
            own = centre[:, 1:] + offset + np.cumsum(rng.normal(0.0, 0.7, (len(times), 2)), axis=0)
            people.append(
                PersonSettings(
                    team=team.name,
                    number=None if role == "referee" else str(number),
                    name="".join(rng.choice(SYLLABLES, int(rng.integers(2, 4)))) if rng.random() < 0.6 else "",
                    role=role,
                    height=float(np.clip(rng.normal(1.82, 0.06), 1.66, 1.98)),
                    girth=float(rng.uniform(0.94, 1.08)),
                    fit=float(rng.uniform(0.95, 1.25)),
                    skin=SKINS[int(rng.integers(len(SKINS)))],
                    hair=STYLES[int(rng.integers(len(STYLES)))],
                    hair_colour=HAIRS[int(rng.integers(len(HAIRS)))],
                    boots=CLOTHS[int(rng.integers(len(CLOTHS)))],
                    path=tuple((float(t), float(x), float(y)) for t, (x, y) in zip(times, own, strict=True)),
                    face=_turns(rng, times) if rng.random() < 0.5 else (),
                    phase=float(rng.random()),
                )
            )
    return centre, tuple(people)


def _wander(rng: np.random.Generator, times: Floats) -> Floats:
    """Rows of time, x and y: at 1 to 4 m/s away from the cameras at first, turning at the edge of `FIELD`."""
    place = np.array([rng.uniform(*FIELD[0]), rng.uniform(FIELD[1][0], KICK_OFF)])
    direction = rng.normal(math.pi / 2, math.pi / 4)
    rows = [place]
    for earlier, later in itertools.pairwise(times):
        speed = rng.uniform(1.0, 4.0)
        for _ in range(20):
            step = speed * (later - earlier) * np.array([math.cos(direction), math.sin(direction)])
            if all(low <= v <= high for v, (low, high) in zip(place + step, FIELD, strict=True)):
                break
            direction = rng.uniform(0.0, 2 * math.pi)
        else:
            step = np.zeros(2)
        place = place + step
        rows.append(place)
        direction += rng.normal(0.0, 0.3)
    return np.column_stack([times, np.stack(rows)])


def _places(rng: np.random.Generator, count: int) -> list[Floats]:
    """Places round the middle of the play, metres, no two nearer than 1.6."""
    places: list[Floats] = []
    while len(places) < count:
        place = rng.normal(0.0, (6.5, 5.0))
        if all(math.dist(place, other) > 1.6 for other in places):
            places.append(place)
    return places


def _turns(rng: np.random.Generator, times: Floats) -> tuple[tuple[float, float], ...]:
    """Direction of the chest: away from the camera (90 degrees) more often than not, never turning fast."""
    degrees = rng.normal(90.0, 60.0) + np.cumsum(rng.normal(0.0, 30.0, len(times)))
    return tuple(zip(times.tolist(), degrees.tolist(), strict=True))


def _ball(rng: np.random.Generator, people: Sequence[PersonSettings]) -> BallSettings:
    """The ball, passed from one player's foot to another's."""
    times = [row[0] for row in people[0].path]
    rows = []
    for k, time in enumerate(times):
        x, y = people[int(rng.integers(len(people) - 3))].path[k][1:]
        rows.append((time, x + 0.4, y - 0.4, 0.11))
    return BallSettings(path=tuple(rows))


def _light(rng: np.random.Generator) -> LightSettings:
    """From low sun to overcast, the camera's exposure following within a quarter of a stop."""
    elevation, sun, sky = rng.uniform(18.0, 65.0), rng.uniform(0.4, 4.0), rng.uniform(0.5, 1.3)
    level = sun * math.sin(math.radians(elevation)) + SKY * sky
    return LightSettings(
        sun_elevation_degrees=float(elevation),
        sun_azimuth_degrees=float(rng.uniform(170.0, 370.0)),
        sun=float(sun),
        sky=float(sky),
        exposure=float(math.log2(MIDDLE_LIGHT / level) + rng.normal(0.0, 0.25)),
    )


def _shots(rng: np.random.Generator, centre: Floats, picture: PictureSettings) -> tuple[ShotSettings, ...]:
    """Cameras on the near side that follow the play, a player between a tenth and a third of the picture tall."""
    count = max(1, round(picture.duration_seconds / SHOT_SECONDS))
    starts = np.linspace(0.0, picture.duration_seconds, count, endpoint=False)
    shots = []
    for k, start in enumerate(starts.tolist()):
        position = np.array([rng.uniform(0.0, 44.0), rng.uniform(-58.0, -42.0), rng.uniform(3.5, 18.0)])
        rows = centre[(centre[:, 0] >= start - 2.0) & (centre[:, 0] <= start + SHOT_SECONDS + 4.0)]
        shift, tall = rng.normal(0.0, 2.0, 2), math.exp(rng.uniform(math.log(0.10), math.log(0.33)))
        target = [(float(t), float(x + shift[0]), float(y + shift[1]), 1.0) for t, x, y in rows]
        field = [
            (t, math.degrees(2 * math.atan(0.9 / (tall * math.dist(position, (x, y, z)))))) for t, x, y, z in target
        ]
        shots.append(
            ShotSettings(
                start_seconds=start,
                position=(float(position[0]), float(position[1]), float(position[2])),
                target=tuple(target),
                field_degrees=tuple(field),
                exposure=(0.3, -0.3)[k % 2],  # a cut between like pictures is hard to see
            )
        )
    return tuple(shots)
