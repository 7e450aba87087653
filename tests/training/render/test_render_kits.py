"""Pictures on the cloth and around the pitch, sound, and the coded video."""

import dataclasses
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from recognizer.labels import NUMBERS
from training.render import surroundings
from training.render.encode import crowd_noise, write_video
from training.render.kits import cloth_bumps, digit_mask, head_texture, metres_to_texels, shirt_texture, socks_texture
from training.render.settings import PersonSettings, PictureSettings, ScoreSettings, TeamSettings

KIT = TeamSettings(shirt=(200, 0, 0), trim=(200, 0, 0), shorts=(200, 0, 0), socks=(190, 10, 20), digits=(255, 255, 255))


def ink(texture: np.ndarray) -> np.ndarray:
    """Where a texture of `KIT` is white."""
    return texture[..., 1] > 128


@pytest.mark.parametrize("typeface", ["block", "round"])
def test_no_two_numbers_look_alike(typeface: str) -> None:
    kit = TeamSettings(typeface=typeface)  # type: ignore[arg-type]  # one of the two literals
    seen = {(mask.size, mask.tobytes()) for mask in (digit_mask(number, kit, 60) for number in NUMBERS)}
    assert len(seen) == len(NUMBERS)


def test_number_is_on_the_back_and_nowhere_else() -> None:
    with_number = shirt_texture(KIT, PersonSettings(number="17")).astype(int)
    without = shirt_texture(KIT, PersonSettings(number=None)).astype(int)
    changed = np.abs(with_number - without).sum(axis=2) > 30
    half = changed.shape[1] // 2
    assert changed[:, :half].any()
    assert not changed[:, half:].any()


def test_number_reads_from_left_to_right_as_seen_from_behind() -> None:
    """Seen from behind, the wearer's left (x < 0) is on the left: the 1 of 17 is thinner than the 7 only at the top."""
    texture = ink(shirt_texture(KIT, PersonSettings(number="17")))
    back = texture[:, : texture.shape[1] // 2]
    columns = np.flatnonzero(back.any(axis=0))
    middle = (columns[0] + columns[-1]) // 2
    rows = np.flatnonzero(back.any(axis=1))
    top = back[rows[0] : rows[0] + 6]
    assert top[:, middle:].sum() > 1.5 * top[:, :middle].sum()
    assert columns.mean() == pytest.approx(metres_to_texels("shirt", 0.0, 1.2, False, 300)[0], abs=6)


def test_names_stand_above_the_number() -> None:
    plain = ink(shirt_texture(KIT, PersonSettings(number="8")))
    named = ink(shirt_texture(KIT, PersonSettings(number="8", name="Weber")))
    assert np.flatnonzero((named & ~plain).any(axis=1)).max() < np.flatnonzero(plain.any(axis=1)).min()


@pytest.mark.parametrize("pattern", ["plain", "stripes", "sash", "shoulders"])
def test_patterns_use_the_trim(pattern: str) -> None:
    kit = TeamSettings(shirt=(200, 0, 0), trim=(0, 0, 250), pattern=pattern)  # type: ignore[arg-type]  # a literal
    plain = dataclasses.replace(kit, pattern="plain")
    blue, least = ((shirt_texture(k, PersonSettings())[..., 2] > 200).mean() for k in (kit, plain))
    assert 0.02 < least < 0.06  # collar and cuffs
    assert (blue > least + 0.02) == (pattern != "plain")


def test_faces_look_forward() -> None:
    texture = head_texture(PersonSettings(skin=(220, 180, 150)))
    half = texture.shape[1] // 2
    assert texture[:, :half].std(axis=(0, 1)).max() < 1
    assert texture[:, half:].std(axis=(0, 1)).max() > 3


def test_textures_have_the_colours_asked_for() -> None:
    assert tuple(np.median(socks_texture(KIT).reshape(-1, 3), axis=0)) == (190, 10, 20)
    assert cloth_bumps().dtype == np.uint8


def test_grass_is_green_striped_and_has_white_lines() -> None:
    grass = surroundings.grass((40.0, -2.0), (55.0, 2.0), seed=1)
    assert grass.shape == (200, 750, 3)
    assert (np.median(grass.reshape(-1, 3), axis=0).argmax()) == 1
    goal_line = grass[100, round((52.5 - 40.0) * surroundings.GRASS_TEXELS)]
    assert goal_line.min() > 150


def test_turf_is_as_bright_as_the_pitch_almost_and_unmarked() -> None:
    turf, pitch = surroundings.turf(seed=1), surroundings.grass((20.0, -4.0), (30.5, 4.0), seed=1)
    assert turf.shape == (surroundings.TURF * surroundings.GRASS_TEXELS,) * 2 + (3,)
    assert turf.max() < 200  # no line
    assert turf.mean() == pytest.approx(pitch.mean(), rel=0.12)


def test_the_highest_rows_sit_in_the_shade() -> None:
    crowd = surroundings.crowd(40.0, 10, 0.55, [(200, 0, 0)], seed=4)
    lowest, highest = crowd[-60:].mean(), crowd[:60].mean()
    assert 10 < highest < 0.85 * lowest
    assert lowest < 120  # the players, not the crowd, are exposed right


def test_surroundings_repeat_with_their_seed() -> None:
    first, second = (surroundings.crowd(12.0, 3, 0.8, [(200, 0, 0)], seed=4) for _ in range(2))
    assert (first == second).all()
    assert (first != surroundings.crowd(12.0, 3, 0.8, [(200, 0, 0)], seed=5)).any()
    assert any(character.isdigit() for word in surroundings.BOARD_WORDS for character in word)  # no shirt, though
    assert surroundings.boards(15.0, 1.0, seed=1).shape == (40, 600, 3)


def test_video_has_every_picture_and_sound(tmp_path: Path) -> None:
    pictures = []
    for k in range(5):
        pictures.append(tmp_path / f"{k}.png")
        Image.new("RGB", (56, 56), (40 * k, 100, 50)).save(pictures[-1])
    write_video(
        tmp_path / "clip.mp4", pictures, PictureSettings(width=64, height=64), seed=1, score=ScoreSettings(height=0.15)
    )
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [f.shape for f in frames] == [(64, 64, 3)] * 5
    assert [int(np.median(f[40:, :, 0])) for f in frames] == pytest.approx([0, 40, 80, 120, 160], abs=8)
    assert all(f[5:12, 4:40].std() > 20 for f in frames)  # the score
    assert [p.name for p in tmp_path.glob("*.mp4")] == ["clip.mp4"]


def test_noise_is_loud_enough_and_never_clips() -> None:
    noise = crowd_noise(1.0, seed=3)
    assert noise.shape == (44_100,)
    assert float(np.sqrt(np.mean(noise**2))) > 0.02
    assert float(np.abs(noise).max()) <= 1.0
