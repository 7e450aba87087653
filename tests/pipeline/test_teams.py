"""Teams: crops with known kits must fall into those kits, under stable and unique names."""

from collections.abc import Iterable

import cv2
import numpy as np
import pytest

from pipeline.kit_colours import CELLS, colour_name, histogram, name_kits
from pipeline.teams import OTHER, Team, TeamAssigner, TeamSettings
from pipeline.types import Crop, UInt8Image

Colour = tuple[int, int, int]
GRASS: Colour = (70, 120, 50)
WHITE: Colour = (235, 235, 240)
RED: Colour = (190, 25, 35)
NAVY: Colour = (25, 35, 85)
YELLOW: Colour = (235, 220, 40)


def shirt_crop(
    rng: np.random.Generator,
    kit: Colour,
    track_id: int = 1,
    index: int = 0,
    stripes: Colour | None = None,
    field: Colour = GRASS,
    side: int = 60,
) -> Crop:
    """A player from neck to hips on the field: light and shadow, noise, a step to the side, a skin patch."""
    image = np.empty((side, side, 3), np.float32)
    image[:] = field
    left = int(side * rng.uniform(0.24, 0.32))
    torso = image[side // 6 :, left : side - left]
    torso[:] = kit
    if stripes is not None:
        torso[:, (np.arange(torso.shape[1]) // (side // 15)) % 2 == 0] = stripes
    torso *= np.linspace(rng.uniform(0.6, 0.8), 1.0, torso.shape[1])[None, :, None]
    image[: side // 6, side * 2 // 5 : side * 3 // 5] = (190, 140, 115)
    image += rng.normal(0.0, 8.0, image.shape)
    return Crop(track_id, index, index * 0.5, np.clip(image, 0, 255).astype(np.uint8), 0.5)


def assign(crops: Iterable[Crop], settings: TeamSettings | None = None) -> dict[int, Team]:
    assigner = TeamAssigner(settings or TeamSettings())
    for crop in crops:
        assigner.add(crop)
    return assigner.assign()


def match(kits: Iterable[tuple[Colour, int]], crops_each: int = 5, field: Colour = GRASS) -> list[Crop]:
    """Crops of `count` tracks for each kit, track ids running on from 0."""
    rng = np.random.default_rng(3)
    worn = [kit for kit, count in kits for _ in range(count)]
    return [shirt_crop(rng, kit, track, i, field=field) for i in range(crops_each) for track, kit in enumerate(worn)]


def test_no_track_has_no_team() -> None:
    assert assign([]) == {}


def test_single_track_is_named_by_its_kit() -> None:
    teams = assign(match([(RED, 1)]))
    assert teams.keys() == {0}
    assert teams[0].name == "red"
    assert np.abs(np.array(teams[0].rgb) - RED).max() < 60


@pytest.mark.parametrize(
    ("home", "away", "names"),
    [
        (WHITE, NAVY, {"white", "navy"}),
        (RED, YELLOW, {"red", "yellow"}),
        ((120, 190, 235), (20, 20, 22), {"light blue", "black"}),
        ((40, 160, 60), WHITE, {"green", "white"}),
    ],
)
def test_two_kits_become_two_teams_named_by_their_colours(home: Colour, away: Colour, names: set[str]) -> None:
    teams = assign(match([(home, 8), (away, 5)]))
    assert {teams[t] for t in range(8)} == {teams[0]}
    assert {teams[t] for t in range(8, 13)} == {teams[8]}
    assert {teams[0].name, teams[8].name} == names


def test_referee_and_goalkeeper_get_teams_of_their_own() -> None:
    teams = assign(match([(WHITE, 9), (NAVY, 9), (YELLOW, 1), ((230, 120, 40), 1)]))
    assert (teams[0].name, teams[9].name, teams[18].name, teams[19].name) == ("white", "navy", "yellow", "orange")


def test_lone_kit_without_enough_support_is_other() -> None:
    crops = match([(WHITE, 9), (NAVY, 9), (YELLOW, 1)])
    teams = assign(crops, TeamSettings(min_share=0.2))
    assert teams[18] == OTHER
    assert {team.name for track, team in teams.items() if track != 18} == {"white", "navy"}


def test_one_kit_alone_is_not_split() -> None:
    assert {team.name for team in assign(match([(NAVY, 12)])).values()} == {"navy"}


def test_kit_in_the_colour_of_the_field_is_still_a_kit() -> None:
    field = (40, 150, 60)
    teams = assign(match([((45, 160, 65), 6), (RED, 6)], field=field))
    assert teams[0] == teams[5]
    assert teams[6] == teams[11]
    assert (teams[0].name, teams[6].name) == ("green", "red")


def test_striped_kit_is_one_team_apart_from_its_plain_colours() -> None:
    rng = np.random.default_rng(5)
    crops = [shirt_crop(rng, RED, t, i, stripes=(20, 30, 110)) for i in range(5) for t in range(6)]
    crops += [shirt_crop(rng, WHITE, t, i) for i in range(5) for t in range(6, 12)]
    teams = assign(crops)
    assert len({teams[t] for t in range(6)}) == 1
    assert teams[6].name == "white" != teams[0].name


def test_area_outside_the_frame_is_not_taken_for_a_black_kit() -> None:
    rng = np.random.default_rng(1)
    crops = []
    for crop in (shirt_crop(rng, WHITE, 1, i) for i in range(4)):
        rgb = crop.rgb.copy()
        rgb[:, :32] = 0
        crops.append(Crop(1, crop.frame_index, crop.time_seconds, rgb, 0.3))
    assert assign(crops)[1].name == "white"


def test_sitting_spectators_do_not_make_the_teams() -> None:
    rng = np.random.default_rng(7)
    court: tuple[Colour, Colour] = ((200, 150, 100), (40, 70, 150))  # players cross its painted parts
    players = [
        shirt_crop(rng, WHITE if track < 5 else YELLOW, track, i, field=court[(track + i) % 2])
        for i in range(8)
        for track in range(10)
    ]
    crowd = []
    for track in range(100, 120):
        still = shirt_crop(rng, (45, 30, 40), track, 0, field=(60, 40, 60)).rgb
        crowd += [Crop(track, i, i * 0.5, still, 0.5) for i in range(8)]
    teams = assign(players + crowd, TeamSettings(max_kits=2))
    assert (teams[0].name, teams[5].name) == ("white", "yellow")


def test_same_crops_give_the_same_teams() -> None:
    crops = match([(WHITE, 6), (RED, 6), (YELLOW, 1)])
    assert assign(crops) == assign(crops)


def test_crops_closer_than_the_interval_are_skipped() -> None:
    rng = np.random.default_rng(2)
    red = shirt_crop(rng, RED, 1, 0)
    yellow = [Crop(1, i, i * 0.04, shirt_crop(rng, YELLOW).rgb, 1.0) for i in range(1, 5)]
    assert assign([red, *yellow])[1].name == "red"
    assert assign([red, *yellow], TeamSettings(interval_seconds=0.0))[1].name == "yellow"


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (400, 400)])
def test_any_crop_size_works(size: tuple[int, int]) -> None:
    rgb = np.full((*size, 3), 230, np.uint8)
    assert assign([Crop(4, 0, 0.0, rgb, 0.0)])[4].name == "white"
    assert assign([Crop(4, 0, 0.0, np.zeros((*size, 3), np.uint8), 0.0)])[4].name == "black"


def test_many_tracks_are_all_assigned() -> None:
    rng = np.random.default_rng(9)
    crops = [shirt_crop(rng, (WHITE, RED)[t % 2], t, 0, side=24) for t in range(450)]
    teams = assign(crops)
    assert len(teams) == 450
    assert {(t % 2, team.name) for t, team in teams.items()} == {(0, "white"), (1, "red")}


def test_two_reds_never_share_a_name() -> None:
    kits = [lab_histogram(colour) for colour in ((200, 30, 40), (110, 15, 25), (205, 35, 45), (200, 30, 40))]
    names = [name for name, _ in name_kits(kits)]
    assert names[:2] == ["red", "dark red"]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((240, 240, 240), "white"),
        ((128, 128, 128), "grey"),
        ((15, 15, 15), "black"),
        ((200, 20, 30), "red"),
        ((235, 130, 30), "orange"),
        ((240, 225, 40), "yellow"),
        ((20, 130, 50), "green"),
        ((0, 0, 90), "navy"),
        ((30, 80, 190), "blue"),
        ((120, 190, 240), "light blue"),
        ((120, 30, 140), "purple"),
        ((245, 150, 190), "pink"),
    ],
)
def test_colour_names(rgb: Colour, name: str) -> None:
    pixel = np.array([[rgb]], np.float32) / 255.0
    assert colour_name(cv2.cvtColor(pixel, cv2.COLOR_RGB2LAB)[0, 0].astype(np.float64)) == name


@pytest.mark.parametrize(
    ("field", "value"),
    [("background", 1.5), ("min_share", -0.1), ("max_kits", 0), ("nearest_kit", 2.0), ("interval_seconds", -1.0)],
)
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{field} is {value}, allowed is"):
        TeamSettings(**{field: value})  # type: ignore[arg-type]  # the field is what varies


def lab_histogram(rgb: Colour) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    image: UInt8Image = np.full((4, 4, 3), rgb, np.uint8)
    lab = cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB).astype(np.float64)
    cells = histogram(lab)
    assert cells.shape == (CELLS,)
    assert cells.sum() == pytest.approx(1.0)
    return cells
