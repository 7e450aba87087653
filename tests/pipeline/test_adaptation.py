"""Learning the match's numerals from tracks whose number is known, and reading again."""

import json
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import CornerFinder

from pipeline.adaptation import AdaptationSettings, FeatureFile, _examples, read_again
from pipeline.identity import IdentityFuser, IdentitySettings
from pipeline.reading import ReaderSettings, WindowReader
from pipeline.results.outputs import ReadLog, read_of_line
from pipeline.types import Crop, WindowFeatures, WindowRead
from pipeline.windows import WindowBuffer, WindowSettings
from recognizer.decode import number_log_probs
from recognizer.head_adaptation import Examples
from recognizer.labels import NUMBERS, encode

CPU = torch.device("cpu")
BELIEVING = IdentitySettings(min_confidence=0.5, min_readable=0.0, min_votes=0.0, min_reads=1)


def features(window: int, zooms: int = 2, count: int = 3) -> WindowFeatures:
    rng = np.random.default_rng(window)
    found = rng.random(count) < 0.7
    return WindowFeatures(rng.normal(0.0, 1.0, (zooms, count, 512)).astype(np.float16), found | ~found.any())


def named(track_id: int, number: str | None, share: float = 0.9, seen: WindowFeatures | None = None) -> WindowRead:
    digits = [np.full(11, np.log((1.0 - share) / 10), np.float32) for _ in range(2)]
    for digit, code in zip(digits, encode(number), strict=True):
        digit[code] = np.log(share)
    weights = np.full(5, 0.2, np.float32)
    return WindowRead(track_id, np.arange(5), digits[0], digits[1], weights, 2, 0.5, seen)


def kept(folder: Path, reads: list[WindowRead]) -> tuple[Path, FeatureFile, IdentityFuser]:
    """What the first pass leaves of reads."""
    fuser, file = IdentityFuser(BELIEVING), FeatureFile(folder)
    with ReadLog(folder / "reads.jsonl") as log:
        log.add(reads)
    file.add(reads)
    for read in reads:
        fuser.add(read)
    return folder / "reads.jsonl", file, fuser


@pytest.fixture(scope="module")
def reader(untrained_reader: Path) -> WindowReader:
    return WindowReader(ReaderSettings(str(untrained_reader), glance=0.0, backend="torch"), CPU, keep_features=True)


def two_known_players() -> list[WindowRead]:
    """Tracks 1 and 2 show 24 and 6, track 3 nothing to go by, track 4 was not given to the network."""
    plain = [named(1, "24", seen=features(0)), named(2, "6", seen=features(1))] * 4
    return [*plain, named(3, "8", 0.3, features(7)), named(3, None, seen=features(8, zooms=1, count=1)), named(4, "9")]


def test_features_come_back_in_order_and_leave_no_file(tmp_path: Path) -> None:
    given = [features(0), None, features(2, zooms=1, count=1), features(3, count=5)]
    with closing(FeatureFile(tmp_path)) as file:
        file.add([named(1, "7", seen=each) for each in given[:2]])
        file.add([named(1, "7", seen=each) for each in given[2:]])
        for _ in range(2):
            for back, each in zip(file, given, strict=True):
                assert (back is None) == (each is None)
                if back is not None and each is not None:
                    assert np.array_equal(back.crops, each.crops) and np.array_equal(back.found, each.found)
        assert len(file) == 4
    assert list(tmp_path.iterdir()) == []


def test_known_numbers_are_learnt_and_every_window_is_read_again(tmp_path: Path, reader: WindowReader) -> None:
    reads = two_known_players()
    path, file, fuser = kept(tmp_path, reads)
    settings = AdaptationSettings(min_confidence=0.8, steps=200, learning_rate=3e-3)
    again, taught_by = read_again(path, file, fuser, reader, settings)
    assert taught_by == ["6", "24"]
    new = [read_of_line(line) for line in path.read_text().splitlines()]
    assert [(read.track_id, read.anchor_frame) for read in new] == [(read.track_id, 2) for read in reads]
    for read, number in zip(new[:2], ("24", "6"), strict=True):
        assert NUMBERS[int(number_log_probs(read.tens, read.units).argmax())] == number
    np.testing.assert_allclose(new[-1].units, reads[-1].units, atol=1e-4)
    assert json.loads(path.read_text().splitlines()[0])["candidates"][0]["number"] == "24"
    anew = IdentityFuser(BELIEVING)
    for read in new:
        anew.add(read)
    for track in (1, 2, 3, 4):
        assert again.identity(track).best == anew.identity(track).best
        assert again.identity(track).n_reads == anew.identity(track).n_reads == sum(r.track_id == track for r in reads)
        assert again.identity(track).confidence == pytest.approx(anew.identity(track).confidence, abs=1e-3)


def taught(folder: Path, reads: list[WindowRead], doubtful: tuple[int, ...] = ()) -> Examples | None:
    path, file, fuser = kept(folder, reads)
    return _examples(path, file, fuser, AdaptationSettings(min_confidence=0.8), doubtful)


def rows(crops: np.ndarray[tuple[int, ...], np.dtype[np.float16]] | torch.Tensor) -> set[tuple[float, ...]]:
    """Features of crops, by their first values."""
    return {tuple(np.asarray(crop[:4], np.float32).tolist()) for crop in crops}


def test_only_crops_in_which_the_known_number_was_seen_teach_it(tmp_path: Path) -> None:
    seen = [replace(features(place), found=np.array([True, False, True])) for place in range(4)]
    faint = named(1, "24", 0.5, seen[2])
    reads = [*[named(1, "24"), named(2, "6")] * 3, named(1, "24", seen=seen[0]), named(2, "6", seen=seen[1]), faint]
    found = taught(tmp_path, [*reads, named(1, None, seen=seen[3])])
    assert found is not None
    shown = {number: rows(found.named[[n == number for n in found.numbers]]) for number in found.numbers}
    assert shown == {
        number: rows(each.crops[:, [0, 2]].reshape(4, 512)) for number, each in (("24", seen[0]), ("6", seen[1]))
    }
    assert rows(found.blank) == rows(seen[3].crops.reshape(6, 512))
    assert rows(found.others) == set().union(*(rows(each.crops.reshape(6, 512)) for each in seen))


def test_doubtful_tracks_teach_nothing(tmp_path: Path) -> None:
    reads = [*two_known_players(), *[named(5, "11", seen=features(11))] * 4]
    found = taught(tmp_path, reads, doubtful=(2,))
    assert found is not None and set(found.numbers) == {"24", "11"}


def test_many_crops_are_kept_as_a_fair_sample(tmp_path: Path) -> None:
    players = (1, "24"), (2, "6")
    plain = [named(*players[place % 2], seen=features(place, 2, 5)) for place in range(300)]
    found = taught(tmp_path, plain)
    assert found is not None and sorted(Counter(found.numbers).values()) == [200, 200]
    assert len(found.others) == len(rows(found.others)) == 2000
    late = rows(np.concatenate([features(place, 2, 5).crops.reshape(-1, 512) for place in range(240, 300)]))
    assert 0.17 < np.mean([row in late for row in rows(found.others)]) < 0.23


@pytest.mark.parametrize(
    ("settings", "reads"),
    [
        (AdaptationSettings(min_confidence=0.8, min_numbers=3), two_known_players()),
        (AdaptationSettings(min_confidence=1.0), two_known_players()),
        (AdaptationSettings(min_confidence=0.8), [named(1, "24", seen=features(0)), named(1, "24"), named(2, "6")]),
        (AdaptationSettings(min_confidence=0.8), []),
    ],
    ids=["too few numbers", "none sure enough", "without features", "nothing read"],
)
def test_where_too_little_is_known_nothing_changes(
    tmp_path: Path, reader: WindowReader, settings: AdaptationSettings, reads: list[WindowRead]
) -> None:
    path, file, fuser = kept(tmp_path, reads)
    before = path.read_text()
    assert read_again(path, file, fuser, reader, settings) == (fuser, [])
    assert path.read_text() == before


def test_who_learns_next_to_nothing_reads_the_same_again(tmp_path: Path, untrained_reader: Path) -> None:
    settings = ReaderSettings(str(untrained_reader), glance=0.5, zooms=(0.5,), backend="torch")
    reader = WindowReader(settings, CPU, keep_features=True)
    reader._finder = CornerFinder()  # type: ignore[assignment]
    buffer = WindowBuffer(WindowSettings(spacing_seconds=0.0, min_quality=0.0), reader.preprocess)
    rng = np.random.default_rng(3)
    pixels = [rng.integers(0, 255, (20 + place % 20, 20 + place % 20, 3), np.uint8) for place in range(651)]
    crops = [Crop(place // 8, place, place / 25, rgb, 0.5) for place, rgb in enumerate(pixels)]
    windows = [window for crop in crops for window in buffer.push(crop)] + buffer.flush()
    settled = [replace(window, expected=str(place % 10)) for place, window in enumerate(windows)]
    alone, whole = reader.push(windows) + reader.flush(), reader.push(settled) + reader.flush()
    reads = [*alone, *(read for read in whole if read.features and read.features.crops.shape[0] == 1)]
    known = [replace(named(0, "24"), features=reads[0].features), replace(named(1, "6"), features=reads[2].features)]
    path, file, fuser = kept(tmp_path, [*known, *reads[3:]])
    least = AdaptationSettings(min_confidence=0.5, steps=1, learning_rate=1e-12)
    assert read_again(path, file, fuser, reader, least)[1] == ["6", "24"]
    again = [read_of_line(line) for line in path.read_text().splitlines()]
    first = [reads[0], reads[2], *reads[3:]]
    shapes = {read.features.crops.shape[:2] for read in first if read.features}
    assert len(again) > 128 and shapes >= {(1, 1), (2, 3), (2, 5)}
    np.testing.assert_allclose([read.units for read in again], [read.units for read in first], atol=2e-3)
    np.testing.assert_allclose([read.tens for read in again], [read.tens for read in first], atol=2e-3)


def test_reads_carry_what_they_were_read_from(untrained_reader: Path) -> None:
    settings = ReaderSettings(str(untrained_reader), glance=0.0, locate=False, backend="torch")
    rng = np.random.default_rng(0)
    crops = [Crop(1, place, place / 25, rng.integers(0, 255, (30, 30, 3), np.uint8), 0.5) for place in range(3)]
    for keep in (True, False):
        reader = WindowReader(settings, CPU, keep)
        buffer = WindowBuffer(WindowSettings(spacing_seconds=0.0, min_quality=0.0), reader.preprocess)
        windows = [window for crop in crops for window in buffer.push(crop)] + buffer.flush()
        [read] = reader.push(windows) + reader.flush()
        assert (read.features is not None) == keep
        if read.features is not None:
            assert read.features.crops.shape == (1, 3, 512) and read.features.found.tolist() == [True] * 3


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("min_confidence", 1.5, r"min_confidence is 1\.5; allowed is 0 to 1"),
        ("min_numbers", 0, "min_numbers is 0; allowed is 1 to 101"),
        ("steps", 0, "steps is 0; allowed is 1 to 10000"),
        ("stay", -1.0, r"stay is -1; allowed is 0 to 100"),
        ("learning_rate", 0.0, r"learning_rate is 0\.0; allowed is above 0 up to 0\.1"),
    ],
)
def test_a_setting_out_of_range_is_refused(key: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdaptationSettings(**{key: value})  # type: ignore[arg-type]
