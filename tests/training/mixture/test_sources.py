"""Where training windows come from."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.crops import CropSettings
from recognizer.labels import NUMBERS, encode
from recognizer.preprocess import Preprocess
from training.data.clip_labels import Verdict
from training.mixture.drawn import DrawSource, outer_share
from training.mixture.number_crops import load_turned_crops
from training.mixture.pasted import PasteSource
from training.mixture.placing import SIDE, number_height
from training.mixture.players import NumberPhoto, Track, shows_shirt
from training.mixture.recipe import MixtureError, MixtureSettings, require_folders
from training.mixture.regions import Region, TightCut
from training.mixture.sources import PhotoSource, Source, TrackSource
from training.mixture.stream import Ingredient, WindowStream, moved_box
from training.synthesis.augment import draw_tilt, warp
from training.synthesis.cloth import Torso


def picture(side: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3)).astype(np.uint8)


def make_track(match: str, number: str | None, image: np.ndarray | None = None) -> Track:
    track = Track(match)
    for i in range(8):
        readable = number is not None and i % 2 == 0
        verdict = Verdict.LEGIBLE if readable else Verdict.UNREADABLE
        shown = picture(120, i) if image is None else image
        track.add(shown, np.array([30, 10, 80, 110], np.float32), verdict, number)
    return track


def make_sources() -> dict[str, Source]:
    torsos = [picture(60, i) for i in range(4)]
    photo = NumberPhoto("a", picture(192, 1), np.array([70, 70, 120, 120], np.float32), "45")
    tracks = [make_track("m", "10"), make_track("m", "7"), make_track("n", None)]
    return {
        "tracks": TrackSource(tracks, CropSettings(), 0.6),
        "photos": PhotoSource([photo]),
        "paste": PasteSource({"3": [[picture(30, 2)]], "88": [[picture(28, 3), picture(31, 4)]]}, torsos),
        "draw": DrawSource(torsos),
    }


@pytest.mark.parametrize("name", ["tracks", "photos", "paste", "draw"])
@pytest.mark.parametrize("length", [1, 5])
def test_every_source_draws_square_regions_and_a_known_number(name: str, length: int) -> None:
    source, rng = make_sources()[name], np.random.default_rng(0)
    for _ in range(20):
        regions, number = source.window(rng, length, 48)
        assert 1 <= len(regions) <= length
        assert number is None or number in NUMBERS
        for image, box, blank in regions:
            assert image.dtype == np.uint8
            assert image.shape[0] == image.shape[1]
            assert box is None or (box[2:] > box[:2]).all()
            assert blank is None or blank.shape == image.shape


def test_a_window_of_a_track_with_a_readable_frame_has_its_number() -> None:
    source, rng = TrackSource([make_track("m", "10")], CropSettings(), 1.0), np.random.default_rng(0)
    assert {source.window(rng, 5, 48)[1] for _ in range(30)} == {"10"}


def test_unreadable_tracks_give_no_number() -> None:
    source, rng = TrackSource([make_track("m", None)], CropSettings(), 0.9), np.random.default_rng(0)
    assert {source.window(rng, 5, 48)[1] for _ in range(30)} == {None}


def test_a_tight_cut_of_a_box_shows_the_number_and_little_else() -> None:
    image, box = np.zeros((100, 100, 3), np.uint8), np.array([30, 20, 50, 70], np.float32)
    image[20:70, 30:50] = 255
    rng = np.random.default_rng(0)
    for stretched in (True, False):
        region = TightCut(None, stretched).cut(rng, image, box, 64)
        assert region.image.shape[0] == region.image.shape[1] <= 60
        assert region.number_box is not None
        left, top, right, bottom = (region.number_box * region.image.shape[0]).round().astype(int)
        assert region.image[top:bottom, left:right].mean() > 150
        assert stretched or float((region.image > 0).mean()) < 0.6
    for height in (0.72, 0.95):
        region = TightCut(height, False).cut(rng, image, box, 64)
        assert region.number_box is not None
        assert float(region.number_box[3] - region.number_box[1]) == pytest.approx(height, abs=0.12)


def test_drawn_numbers_can_be_cut_tight() -> None:
    torsos, rng = [picture(60, i) for i in range(4)], np.random.default_rng(0)
    heights = {}
    for share in (0.0, 1.0):
        source = DrawSource(torsos, empty_share=0.0, readable=True, tight_share=share)
        regions = [region for _ in range(30) for region in source.window(rng, 2, 64)[0]]
        boxes = [region.number_box for region in regions if region.number_box is not None]
        heights[share] = np.median([box[3] - box[1] for box in boxes])
    assert heights[0.0] < 0.65 < heights[1.0]


@pytest.mark.parametrize(
    ("other", "black", "on_shirt"),
    [((300, 80, 360, 120), False, True), ((140, 80, 170, 120), False, False), ((300, 80, 360, 120), True, False)],
)
def test_a_shirt_is_seen_round_a_number_that_stands_alone(other: tuple[int, ...], black: bool, on_shirt: bool) -> None:
    rgb = np.full((200, 400, 3), 100, np.uint8)
    if black:
        rgb[:, :80], rgb[130:] = 0, 0
    boxes = np.array([(80, 80, 110, 120), other], np.float32)
    assert shows_shirt(rgb, boxes[0], boxes) is on_shirt
    assert not shows_shirt(rgb[70:130, 70:120], np.array([5, 5, 45, 55], np.float32), boxes[:0])


def test_batches_hold_every_ingredient_and_depend_on_the_seed_only() -> None:
    ingredients = [Ingredient(n, s, 1.0, plain=n != "tracks") for n, s in make_sources().items()]
    stream = WindowStream(ingredients, Preprocess(size=32), length=5, batch=16, seed=0)
    first, second = stream.batch(np.random.default_rng(3)), stream.batch(np.random.default_rng(3))
    assert first.rgb.shape == (16, 5, 32, 32, 3)
    assert bool((first.rgb == second.rgb).all())
    assert bool(first.valid.any(dim=1).all())
    assert not first.rgb[~first.valid].any()
    assert int(first.tens.max()) <= 10


@pytest.mark.parametrize("share", [1.0, 0.7])
def test_drawn_numbers_come_with_the_place_where_they_are(share: float) -> None:
    source = DrawSource([np.zeros((96, 96, 3), np.uint8)], 0.0, readable=True, torso_share=share)
    stream = WindowStream([Ingredient("drawn", source, 1.0, plain=False)], Preprocess(size=96), 1, 64, 0, share)
    batch = stream.batch(np.random.default_rng(5))
    known = ~batch.boxes[:, 0, 0].isnan()
    assert known.float().mean() > 0.8
    boxes = batch.boxes[known, 0]
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert (centre - 0.5).abs().median() < 0.12 * share
    heights = boxes[:, 3] - boxes[:, 1]
    assert 0.3 * share < heights.median() < 0.72 * share


def test_drawn_numbers_cover_all_numbers() -> None:
    source, rng = DrawSource([picture(60, 0)], empty_share=0.0, readable=True), np.random.default_rng(0)
    seen = {encode(source.window(rng, 1, 32)[1]) for _ in range(300)}
    assert {tens for tens, _ in seen} == set(range(11))
    assert {units for _, units in seen} == set(range(10))


def test_a_drawn_number_with_a_digit_out_of_sight_is_unreadable() -> None:
    source, rng = DrawSource([picture(60, 0)], empty_share=0.0, tight_share=0.5), np.random.default_rng(0)
    windows = [source.window(rng, 2, 64) for _ in range(300)]
    assert 5 < sum(number is None for _, number in windows) < 75
    for regions, number in windows:
        assert all((region.number_box is None) == (number is None) for region in regions)


def test_of_a_turned_number_the_outer_digit_shows_less_and_less() -> None:
    shown = [outer_share(turn, 0.6, 2) for turn in np.linspace(0.0, np.pi / 2, 20)]
    assert shown == sorted(shown, reverse=True)
    assert (shown[0], shown[-1]) == (pytest.approx(np.sin(0.6) / 0.6), pytest.approx(0.0))
    assert outer_share(0.0, 0.6, 1) == pytest.approx(np.sin(0.6) / 0.6)
    assert outer_share(1.2, 0.6, 1) > outer_share(1.2, 0.6, 2)


def test_a_track_knows_what_is_worn_also_where_nobody_can_read_it() -> None:
    track = Track("match")
    for verdict in (Verdict.LEGIBLE, Verdict.UNREADABLE):
        track.add(np.zeros((8, 8, 3), np.uint8), np.zeros(4, np.float32), verdict, "7")
    assert (track.numbers, track.worn) == (["7", None], ["7", "7"])


def test_turned_and_mirrored_crops_are_turned_back(tmp_path: Path) -> None:
    upright = np.zeros((40, 24, 3), np.uint8)
    upright[:20, :12] = 255  # white in the upper left only
    (tmp_path / "7").mkdir()
    turned = np.ascontiguousarray(np.rot90(upright[:, ::-1], 3))
    cv2.imwrite(str(tmp_path / "7" / "a.png"), turned)
    cv2.imwrite(str(tmp_path / "7" / "not_listed.png"), upright)
    table = tmp_path / "turns.csv"
    table.write_text("file,number,mirrored,quarter_turns\n7/a.png,7,1,3\n")
    crops = load_turned_crops(tmp_path, table)
    assert list(crops) == ["7"]
    assert len(crops["7"]) == 1
    assert np.array_equal(crops["7"][0], [upright])


@pytest.mark.parametrize("length", [1, 3])
def test_a_window_of_crops_stays_in_one_tracklet_and_reaches_its_end(length: int) -> None:
    """Each picture is of one grey: its tracklet's ten, and its place."""
    tracklets = [
        [np.full((30, 20, 3), 10 * tracklet + place, np.uint8) for place in range(count)]
        for tracklet, count in ((1, 5), (2, 2), (3, 1))
    ]
    source, rng = PasteSource({"7": tracklets}, [picture(60, 0)], tight_share=1.0), np.random.default_rng(0)
    windows = {tuple(int(region.image.max()) for region in source.window(rng, length, 48)[0]) for _ in range(200)}
    if length == 1:
        assert windows == {(grey,) for grey in (10, 11, 12, 13, 14, 20, 21, 30)}
    else:
        assert windows == {(10, 11, 12), (11, 12, 13), (12, 13, 14), (20, 21, 21), (30, 30, 30)}


def test_small_regions_get_numbers_that_can_be_read() -> None:
    rng = np.random.default_rng(0)
    assert min(number_height(rng, 16) for _ in range(200)) * 16 >= 7.0
    assert min(number_height(rng, 80) for _ in range(200)) < 0.35


def test_a_box_moves_with_the_pixels_of_its_picture() -> None:
    rng, image = np.random.default_rng(0), np.zeros((80, 80, 3), np.uint8)
    image[20:40, 30:50] = 255
    box = np.array([30, 20, 50, 40], np.float32) / 80
    for _ in range(20):
        affine = draw_tilt(rng, 80, angle=8.0)
        bright = np.argwhere(warp(image, affine)[:, :, 0] > 127)
        expected = np.concatenate([bright.min(0)[::-1], bright.max(0)[::-1] + 1]) / 80
        assert np.abs(moved_box(box, affine, 80) - expected).max() < 0.06


def test_wiped_torsos_come_from_backs_and_fronts() -> None:
    shirt = np.full((120, 120, 3), (70, 120, 50), np.uint8)
    shirt[20:110, 44:66] = (190, 30, 40)
    tracks = [make_track("m", number, shirt) for number in ("10", None)]
    source = TrackSource(tracks, CropSettings(), 0.5)
    found = source.bare(10)
    assert len(found) == 10
    assert all(torso.image.shape == (SIDE, SIDE, 3) and torso.cloth.shape == (SIDE, SIDE) for torso in found)
    assert TrackSource(tracks[:1], CropSettings(), 0.5).bare(10, seed=1)


def test_numbers_laid_on_a_wiped_torso_know_it_without_them() -> None:
    cloth = np.zeros((SIDE, SIDE), np.uint8)
    cloth[:, 20:108] = 255
    bare = [Torso(np.full((SIDE, SIDE, 3), 90, np.uint8), cloth, np.full(3, 90, np.float32))]
    torsos, rng = [picture(60, 0)], np.random.default_rng(0)
    for source in (DrawSource(torsos, 0.0, bare=bare), PasteSource({"3": [[picture(30, 2)]]}, torsos, bare=bare)):
        regions = [source.window(rng, 1, 48)[0][0] for _ in range(30)]
        laid = [(region.image, region.blank) for region in regions if region.blank is not None]
        assert len(laid) >= 20
        assert all((image != blank).any() for image, blank in laid)


@pytest.mark.parametrize(("change", "numbers"), [(1, {None}), (120, {"3"})])
def test_a_number_that_cannot_be_seen_is_not_taught(change: int, numbers: set[str | None]) -> None:
    class Laid:
        def window(self, rng: np.random.Generator, length: int, side: int) -> tuple[list[Region], str | None]:
            blank = np.full((side, side, 3), 90, np.uint8)
            image = blank.copy()
            image[side // 4 : -side // 4, side // 4 : -side // 4] += change
            return [Region(image, None, blank)] * length, "3"

    stream = WindowStream([Ingredient("laid", Laid(), 1.0, plain=False)], Preprocess(size=32), 1, 4, 0)
    rng = np.random.default_rng(0)
    assert {stream.window(rng)[1] for _ in range(20)} - {None} == numbers - {None}


def test_the_folder_of_typefaces_must_be_there(tmp_path: Path) -> None:
    for name in ("jersey_photos", "soccernet_numbers", "basketball_numbers", "player_crops"):
        (tmp_path / name).mkdir()
    here = str(tmp_path)
    require_folders(MixtureSettings(data=here, clips=here, typefaces=here))
    with pytest.raises(MixtureError, match=r"nowhere does not exist; set mixture\.typefaces"):
        require_folders(MixtureSettings(data=here, clips=here, typefaces="nowhere"))
