"""Which network was not trained on what is to be measured."""

from pathlib import Path

import numpy as np
import pytest
import torch
from nets import save_small_net

from pipeline.crops import CropSettings
from recognizer.checkpoint import CheckpointInfo
from recognizer.reader import JerseyReader
from training.benchmark import gain_table
from training.data.clip_labels import Verdict
from training.evaluation.clip_windows import NO_GAIN, Gain, LabelledWindow, measure_gain, track_windows
from training.evaluation.networks import Network, choose, network_of
from training.mixture.players import Track

FIRST = Network(Path("first.safetensors"), frozenset({"a"}), frozenset({"A"}), "even")
SECOND = Network(Path("second.safetensors"), frozenset({"a", "b"}), frozenset(), "all")


@pytest.mark.parametrize(
    ("kind", "name", "remark"),
    [
        ("clip", "a", "second, trained on it"),
        ("clip", "b", "first"),
        ("clip", "c", "second"),
        ("game", "A", "second, trained on it"),
        ("game", "C", "first"),
        ("photos", "even", "second, trained on it"),
        ("photos", "odd", "first"),
    ],
)
def test_the_first_network_that_did_not_see_it_is_chosen(kind: str, name: str, remark: str) -> None:
    assert choose([SECOND, FIRST], kind, name).remark == remark  # type: ignore[arg-type]  # one of Kind


def test_a_record_of_the_mixture_is_read() -> None:
    settings = {"source": "mixture", "mixture": {"games": ["A"], "photo_sources": "odd"}}
    info = CheckpointInfo(training_data={"matches": ["a"], "settings": settings})
    assert network_of(Path("n"), info) == Network(Path("n"), frozenset({"a"}), frozenset({"A"}), "odd")


def test_a_record_of_a_tree_is_read_and_one_that_does_not_tell_comes_last() -> None:
    tree = network_of(
        Path("league.safetensors"), CheckpointInfo(training_data={"matches": ["a"], "settings": {"source": "tree"}})
    )
    silent = network_of(Path("silent.safetensors"), CheckpointInfo(training_data={"settings": {"source": "tree"}}))
    assert choose([tree], "clip", "a").remark == "league, trained on it"
    assert choose([silent, tree], "clip", "b").remark == "league"
    assert choose([silent, tree], "clip", "a").remark == "silent, whose record does not tell what it was trained on"


def test_an_older_record_of_the_mixture_saw_all_games_and_photos() -> None:
    network = network_of(Path("n"), CheckpointInfo(training_data={"settings": {"source": "mixture", "mixture": {}}}))
    assert network.saw("game", "A")
    assert network.saw("photos", "odd")
    assert not network.saw("clip", "a")


@pytest.mark.parametrize("key", ["averaged_with", "tensors_of"])
def test_what_was_averaged_into_it_counts_too(key: str) -> None:
    settings = {"source": "mixture", "mixture": {}}
    other = {"matches": ["a"], "settings": settings}
    record = {"matches": ["b"], "settings": settings, key: [other] if key == "averaged_with" else other}
    network = network_of(Path("n"), CheckpointInfo(training_data=record))
    assert [network.saw("clip", name) for name in "abc"] == [True, True, False]


def test_what_its_start_saw_counts_too() -> None:
    start = {"matches": ["a"], "settings": {"source": "mixture", "mixture": {"games": ["A"], "photos": 0.0}}}
    settings = {"source": "mixture", "mixture": {"soccer_crops": 0.0, "photo_sources": "odd"}}
    network = network_of(
        Path("n"), CheckpointInfo(training_data={"matches": ["b"], "settings": settings, "start": start})
    )
    assert [network.saw("clip", name) for name in "abc"] == [True, True, False]
    assert [network.saw("game", name) for name in "AC"] == [True, False]
    assert [network.saw("photos", name) for name in ("even", "odd")] == [False, True]


@pytest.mark.parametrize("record", [{}, {"settings": {"source": "tree", "mixture": {}}}])
def test_what_no_record_tells_counts_as_unseen(record: dict[str, object]) -> None:
    network = network_of(Path("n"), CheckpointInfo(training_data=record))
    assert not any(network.saw(kind, "A") for kind in ("clip", "game", "photos"))  # type: ignore[arg-type]


def track_of(verdicts: list[Verdict]) -> Track:
    track = Track("m")
    for place, verdict in enumerate(verdicts):
        image = np.random.default_rng(place).integers(0, 255, (120, 120, 3)).astype(np.uint8)
        track.add(image, np.array([30, 10, 80, 110], np.float32), verdict, "7")
    return track


def test_windows_are_two_frames_apart_and_begin_every_ten() -> None:
    windows = list(track_windows(track_of([Verdict.LEGIBLE] * 19), CropSettings()))
    assert [window.number for window in windows] == ["7", "7"]
    assert all(len(window.regions) == 5 and window.regions[0].shape == (35, 35, 3) for window in windows)


@pytest.mark.parametrize(
    ("legible", "other", "numbers"),
    [
        (5, Verdict.UNREADABLE, ["7"]),
        (2, Verdict.UNREADABLE, []),
        (0, Verdict.UNREADABLE, [None]),
        (0, Verdict.SKIP, []),
    ],
)
def test_a_window_needs_a_clear_verdict(legible: int, other: Verdict, numbers: list[str | None]) -> None:
    verdicts = [other] * 9
    verdicts[: 2 * legible : 2] = [Verdict.LEGIBLE] * legible
    assert [window.number for window in track_windows(track_of(verdicts), CropSettings())] == numbers


def test_a_window_of_one_picture_five_times_gains_nothing(tmp_path: Path) -> None:
    reader = JerseyReader(save_small_net(tmp_path / "n.safetensors"), torch.device("cpu"), backend="torch")
    picture = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    gain = measure_gain(reader, [LabelledWindow([picture] * 5, "7"), LabelledWindow([picture] * 5, None)])
    assert (gain.total, gain.readable) == (2, 1)
    assert gain.surest == gain.sharpest <= 1


def test_gains_add_up_and_are_shown() -> None:
    gain = NO_GAIN.plus(Gain(10, 8, 7, 6, 5)).plus(Gain(10, 8, 6, 6, 5))
    assert gain == Gain(20, 16, 13, 12, 10)
    assert "| the window | 0.800 (16) | 0.584–0.919 |" in gain_table(gain)
