"""What a rendered match is made of; `configs/render.yaml` fills it."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from PIL import ImageFont

from recognizer.checks import require_choice, require_range
from recognizer.labels import NUMBERS
from training.render.ranges import require_camera, require_colours, require_different, require_rising

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255, as on a screen."""
MOST_PIXELS = 7680
"""Of a side of the picture."""
MOST_RATE = 240
"""Frames per second."""
MOST_LETTERS = 4
"""Of a team's name in the score graphic."""
MOST_STOPS = 10.0
"""By which a picture may be made brighter or darker."""
MOST_SECONDS = 600
"""Of a video: longer ones would take days to render."""
BUILT_IN = ("block", "round")
"""Typefaces that need no font file."""


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """Size, length and cost of the video."""

    width: int = 1280
    """Pixels."""
    height: int = 720
    """Pixels."""
    detail: float = 1.0
    """Share of the size at which pictures are rendered before they are enlarged to it: broadcasts are soft, and the
    cost goes with its square."""
    frames_per_second: int = 25
    duration_seconds: float = 6.0
    samples: int = 6
    """Light paths per pixel; the denoiser takes away what noise is left."""
    bounces: int = 1
    """How often light is passed on from surface to surface."""
    shutter: float = 0.35
    """Share of the time between two frames during which the shutter is open (motion blur)."""
    threads: int = 0
    """Processor threads of the renderer; 0 = all."""
    crf: int = 24
    """Quality of the H.264 coding; lower is better and larger."""

    def __post_init__(self) -> None:
        sides = (self.width, self.height)
        if any(side % 2 or not 64 <= side <= MOST_PIXELS for side in sides):
            raise ValueError(
                f"width and height are {self.width} and {self.height}, expected even numbers from 64 to {MOST_PIXELS}"
            )
        if not 1 <= self.frames_per_second <= MOST_RATE or self.samples < 1:
            raise ValueError(
                f"frames_per_second and samples are {self.frames_per_second} and {self.samples}, expected 1 or more "
                f"(frames_per_second up to {MOST_RATE})"
            )
        require_range("detail", self.detail, 0.1, 1.0)
        if not 0.0 < self.shutter <= 1.0:
            raise ValueError(f"shutter is {self.shutter}, expected above 0 and up to 1")
        if not 0 < self.duration_seconds <= MOST_SECONDS or self.frames < 1:
            raise ValueError(
                f"duration_seconds is {self.duration_seconds}, expected at least one frame and at most {MOST_SECONDS}"
            )
        require_range("crf", self.crf, 0, 51)
        if min(self.bounces, self.threads) < 0:
            raise ValueError(f"bounces and threads are {self.bounces} and {self.threads}, expected 0 or more")

    @property
    def frames(self) -> int:
        """Frames of the whole video."""
        return round(self.duration_seconds * self.frames_per_second)


@dataclass(frozen=True, slots=True)
class ShotSettings:
    """One camera while it is on air: where it stands and what it follows."""

    start_seconds: float = 0.0
    """When it comes on air; the cut falls on the first frame at or after this time."""
    position: tuple[float, float, float] = (-8.0, -40.0, 15.0)
    """Metres from the centre spot: along the touchline, towards the far touchline, up."""
    target: tuple[tuple[float, float, float, float], ...] = ((0.0, 30.0, 4.0, 0.9),)
    """Rows of time in seconds and the point in the middle of the picture."""
    field_degrees: tuple[tuple[float, float], ...] = ((0.0, 7.6),)
    """Rows of time in seconds and vertical angle of view."""
    exposure: float = 0.0
    """Brightness of this camera's picture, in stops over `light.exposure`."""

    def __post_init__(self) -> None:
        require_camera(self.position, self.target, self.field_degrees)
        require_range("exposure", self.exposure, -MOST_STOPS, MOST_STOPS)


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """The graphic with score and clock that lies over the picture."""

    teams: tuple[str, str] = ("RED", "WHI")
    colours: tuple[Colour, Colour] = ((186, 16, 28), (238, 240, 244))
    """Colour beside each name."""
    goals: tuple[int, int] = (0, 0)
    clock_seconds: int = 0
    """Time played when the video begins."""
    left: float = 0.05
    """Place of the left edge, share of the picture's width."""
    top: float = 0.06
    """Place of the upper edge, share of the picture's height."""
    height: float = 0.044
    """Share of the picture's height."""

    def __post_init__(self) -> None:
        for colour in self.colours:
            require_colours(colours=colour)
        if max(map(len, self.teams)) > MOST_LETTERS:
            raise ValueError(f"teams are {' and '.join(self.teams)}, expected names of up to {MOST_LETTERS} letters")
        if min(*self.goals, self.clock_seconds) < 0:
            raise ValueError(f"goals and clock_seconds are {self.goals} and {self.clock_seconds}, expected 0 or more")
        if not (0 <= self.left < 1 and 0 <= self.top < 1 and 0 < self.height <= 0.2):
            raise ValueError(
                f"left, top and height are {self.left}, {self.top} and {self.height}, "
                "expected shares of the picture, height up to 0.2"
            )


@dataclass(frozen=True, slots=True)
class LightSettings:
    """Sun and sky."""

    sun_elevation_degrees: float = 42.0
    sun_azimuth_degrees: float = 200.0
    """Direction the light comes from: 0 = along +x, 90 = from the far touchline."""
    sun: float = 3.6
    """Strength of the sun, W/m²."""
    sky: float = 1.0
    """Strength of the sky."""
    exposure: float = 0.0
    """Brightness of the picture, in stops."""

    def __post_init__(self) -> None:
        require_range("sun_elevation_degrees", self.sun_elevation_degrees, 0.0, 90.0)
        require_range("sun", self.sun, 0.0, 1000.0)
        require_range("sky", self.sky, 0.0, 1000.0)
        require_range("exposure", self.exposure, -MOST_STOPS, MOST_STOPS)


@dataclass(frozen=True, slots=True)
class TeamSettings:
    """A kit."""

    name: str = "red"
    """Word that stands for the team in the label file."""
    shirt: Colour = (190, 20, 30)
    trim: Colour = (255, 255, 255)
    """Colour of collar, cuffs and pattern."""
    pattern: Literal["plain", "stripes", "sash", "shoulders"] = "plain"
    shorts: Colour = (190, 20, 30)
    socks: Colour = (190, 20, 30)
    digits: Colour = (255, 255, 255)
    outline: Colour | None = None
    """Colour round the digits; none = no outline."""
    typeface: str = "round"
    """Of the digits: block, round, or a font file."""
    digit_height: float = 0.31
    """Metres."""

    def __post_init__(self) -> None:
        require_colours(
            shirt=self.shirt, trim=self.trim, shorts=self.shorts, socks=self.socks, digits=self.digits,
            outline=self.outline,
        )  # fmt: skip
        if self.typeface not in BUILT_IN and not Path(self.typeface).is_file():
            raise ValueError(f"typeface is {self.typeface!r}, expected {' or '.join(BUILT_IN)} or a font file")
        if self.typeface not in BUILT_IN:
            try:
                ImageFont.truetype(self.typeface, size=20)
            except OSError as error:
                raise ValueError(f"typeface is {self.typeface!r}, which is no font file ({error})") from error
        require_range("digit_height", self.digit_height, 0.05, 0.45)


@dataclass(frozen=True, slots=True)
class PersonSettings:
    """One person on the pitch."""

    team: str = "red"
    """Name of a team, or of a kit that belongs to none (the referee's)."""
    number: str | None = None
    """Text on the back; none = no number."""
    name: str = ""
    """Letters above the number."""
    role: Literal["player", "goalkeeper", "referee"] = "player"
    height: float = 1.80
    """Metres."""
    girth: float = 1.0
    """Thickness of the body, 1 = average."""
    fit: float = 1.0
    """Looseness of the clothes, 1 = average."""
    skin: Colour = (205, 160, 130)
    hair: Literal["short", "crop", "curly", "long", "bald"] = "short"
    hair_colour: Colour = (45, 32, 24)
    boots: Colour = (20, 20, 20)
    path: tuple[tuple[float, float, float], ...] = ((0.0, 30.0, 4.0),)
    """Rows of time in seconds and place on the pitch in metres."""
    face: tuple[tuple[float, float], ...] = ()
    """Rows of time in seconds and direction of the chest in degrees (0 = +x); none = along the path, or to the ball."""
    phase: float = 0.0
    """Place in the stride at the start, 0 to 1."""

    def __post_init__(self) -> None:
        if self.number is not None and self.number not in NUMBERS:
            raise ValueError(f"number is {self.number!r}, expected 0 to 99 or 00, or none")
        require_colours(skin=self.skin, hair_colour=self.hair_colour, boots=self.boots)
        require_range("height", self.height, 1.0, 2.3)
        if min(self.girth, self.fit) <= 0.5 or max(self.girth, self.fit) > 2:
            raise ValueError(f"girth and fit are {self.girth} and {self.fit}, expected above 0.5 and up to 2")
        require_rising("path", self.path)
        require_rising("face", self.face, least=0)


@dataclass(frozen=True, slots=True)
class BallSettings:
    """The ball."""

    path: tuple[tuple[float, float, float, float], ...] = ((0.0, 34.0, 8.0, 0.11),)
    """Rows of time in seconds and centre of the ball in metres."""

    def __post_init__(self) -> None:
        require_rising("path", self.path)


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """A rendered match."""

    name: str = "match"
    """Stem of the files written."""
    seed: int = 2
    """Folds of cloth, faces in the crowd, noise of the grass."""
    picture: PictureSettings = field(default_factory=PictureSettings)
    shots: tuple[ShotSettings, ...] = (ShotSettings(),)
    """In the order of their starts; the first starts at 0."""
    light: LightSettings = field(default_factory=LightSettings)
    teams: tuple[TeamSettings, ...] = (TeamSettings(),)
    people: tuple[PersonSettings, ...] = (PersonSettings(number="7"),)
    """One track each, in this order, counted from 1."""
    ball: BallSettings = field(default_factory=BallSettings)
    score: ScoreSettings | None = None
    """None = no graphic."""

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name:
            raise ValueError(f"name is {self.name!r}, expected the name of a file without folders")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, expected 0 or more")
        require_different("teams: name", [team.name for team in self.teams])
        kits = sorted(team.name for team in self.teams)
        for person in self.people:
            require_choice("people: team", person.team, kits)
        starts = [shot.start_seconds for shot in self.shots]
        if starts[:1] != [0.0] or any(b <= a for a, b in itertools.pairwise(starts)):
            raise ValueError(f"shots: start_seconds are {starts}, expected 0 first and then rising times")

    def shot(self, time: float) -> ShotSettings:
        """The shot on air at `time` seconds."""
        return [shot for shot in self.shots if shot.start_seconds <= max(time, 0.0) + 1e-9][-1]

    def kit(self, person: PersonSettings) -> TeamSettings:
        """The kit a person wears."""
        return next(team for team in self.teams if team.name == person.team)
