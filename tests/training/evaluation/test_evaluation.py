"""What stands behind the evaluation: views, figures, reports and the choice of data."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import SIDE
from numpy.typing import NDArray
from PIL import Image
from trees import dataset_of, make_tree

from pipeline.config import as_plain
from recognizer.checkpoint import CheckpointInfo
from recognizer.labels import encode
from recognizer.preprocess import Preprocess
from recognizer.reader import JerseyReader, ReaderOutput
from training.data.dataset import SamplingSettings
from training.data.layout import SubSequence, scan
from training.data.splits import SplitKey, sequence_marks
from training.evaluation.data import DataError, find_root, open_data, sampling_of
from training.evaluation.decoders import JOINT, JOINT_ABSTAINING, PLAIN, SEED
from training.evaluation.figures import evaluate_reads
from training.evaluation.reads import BEST, RANDOM, WINDOW, Reads, read_views
from training.evaluation.report import markdown, record
from training.evaluation.select import Selection, SelectionError, recorded_selection, select, trained_keys
from training.fitting.settings import DataSettings, TrainSettings
from training.fitting.tree_feed import choose_items

EMPTY = 10


def row(number: str | None, sure: float = 0.9) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log-probabilities (11,) of both digits of a read that is so sure of a number."""
    digits = []
    for place in encode(number):
        shares = np.full(11, (1 - sure) / 10)
        shares[place] = sure
        digits.append(np.log(shares))
    return digits[0], digits[1]


def reads(truth: list[str | None], window: list[str | None], best: list[str | None], sure: float = 0.9) -> Reads:
    """Reads that say exactly this; the random frame says what the best one says."""

    def output(numbers: list[str | None]) -> ReaderOutput:
        tens, units = zip(*(row(number, sure) for number in numbers), strict=True)
        weights = np.full((len(numbers), 5), 0.2, np.float32)
        return ReaderOutput(np.stack(tens).astype(np.float32), np.stack(units).astype(np.float32), weights)

    items = tuple(SubSequence(number, "s", "0", (Path("a.jpg"),), None, "m") for number in truth)
    codes = np.array([encode(number) for number in truth], np.int64)
    return Reads(items, codes, {WINDOW: output(window), BEST: output(best), RANDOM: output(best)}, 0)


def test_views_are_what_the_reader_says(tree: Path, tmp_path: Path, reader: JerseyReader) -> None:
    dataset = dataset_of(tree, tmp_path)
    found = read_views(reader, dataset, seed=3, batch=5, progress=lambda count: None)
    windows = [dataset[place] for place in range(len(dataset))]
    expected = reader.read(np.stack([w.rgb for w in windows]), np.stack([w.valid for w in windows]))
    np.testing.assert_allclose(found.window.tens, expected.tens, atol=1e-5)
    crops = dataset.cache.crops
    anchors = [crops[dataset.cache.row_of[item.frames[item.anchor or 0]]] for item in dataset.items]
    repeated = np.repeat(np.stack(anchors)[:, None], 5, axis=1)
    alone = reader.read(repeated, np.ones(repeated.shape[:2], bool))
    np.testing.assert_allclose(found.views[BEST].units, alone.units, atol=1e-5)
    assert found.marked == len(dataset)


def test_random_frames_depend_on_the_seed_alone(tree: Path, tmp_path: Path, reader: JerseyReader) -> None:
    dataset = dataset_of(tree, tmp_path)
    batches, again, other = (
        read_views(reader, dataset, seed, batch, lambda count: None).views[RANDOM].tens
        for seed, batch in ((3, 4), (3, 100), (4, 4))
    )
    np.testing.assert_allclose(batches, again, atol=1e-5)
    assert np.abs(batches - other).max() > 1e-4


def test_without_a_mark_the_sharpest_crop_is_best(tmp_path: Path, reader: JerseyReader) -> None:
    folder = tmp_path / "tree" / "7" / "s" / "0"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    flat = np.full((40, 40, 3), 90, np.uint8)
    for place, picture in enumerate([flat, flat, noise]):
        Image.fromarray(picture).save(folder / f"1_{place}_0.png")
    dataset = dataset_of(tmp_path / "tree", tmp_path / "cache")
    found = read_views(reader, dataset, 0, 4, lambda count: None)
    sharp = np.repeat(dataset[0].rgb[2][None, None], 5, axis=1)
    expected = reader.read(sharp, np.ones((1, 5), bool))
    np.testing.assert_allclose(found.views[BEST].tens, expected.tens, atol=1e-5)
    assert found.marked == 0


def test_figures_by_hand() -> None:
    truth = ["4", "4", "48", None]
    found = evaluate_reads(reads(truth, ["4", "8", "48", "8"], ["4", "4", "8", None]), threshold=0.5)
    joint = {one.name: one for one in found.decoders}[JOINT]
    assert joint.number == 0.5
    assert joint.tens == 1.0
    assert joint.units == 0.5
    assert joint.answered == 1.0
    assert joint.precision == 0.5
    assert joint.false_numbers == 1.0
    assert joint.changes == (0, 0, 0)
    assert [(one.number, one.tens, one.units) for one in found.baselines] == [
        (0.5, 0.75, 0.5),  # always 4
        (0.25, 0.75, 0.5),  # tens empty; the units digits read are 4, 8, 8, 8
    ]
    best = {one.name: one for one in found.views}[BEST]
    assert best.accuracy.number == 0.75
    assert (best.only_here, best.only_window) == (2, 1)
    assert best.variance >= 0.0
    assert [(one.windows, one.right) for one in found.classes] == [(2, 1), (1, 1), (1, 0)]
    assert found.number_confusion.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]
    assert found.tens_confusion[4, 4] == 1
    assert found.units_confusion[EMPTY, 8] == 1


def test_an_abstaining_decoder_holds_doubtful_numbers_back() -> None:
    found = evaluate_reads(reads(["4", "8"], ["4", "48"], ["4", "48"], sure=0.6), threshold=0.9)
    one = {decoder.name: decoder for decoder in found.decoders}[JOINT_ABSTAINING]
    assert one.answered == 0.0
    assert one.precision is None
    assert one.changes == (2, 0, 1)
    assert one.calibration_error is None


def test_the_seeds_rule_is_measured_beside_the_others() -> None:
    plain = reads(["48"], ["8"], ["8"])
    tens = np.full(11, 0.01)
    tens[[EMPTY, 4]] = 0.5, 0.41
    doubtful = ReaderOutput(np.log(tens / tens.sum())[None].astype(np.float32), *plain.window[1:])
    found = evaluate_reads(Reads(plain.items, plain.codes, {**plain.views, WINDOW: doubtful}, 0), 0.5)
    shares = {one.name: one.number for one in found.decoders}
    assert shares == {PLAIN: 0.0, SEED: 1.0, JOINT: 0.0, JOINT_ABSTAINING: 0.0}
    assert {one.name: one.changes.mended for one in found.decoders}[SEED] == 1


def test_report_and_record_hold_the_figures() -> None:
    found = evaluate_reads(reads(["4", "48"], ["4", "8"], ["4", "48"]), 0.5)
    text, kept = markdown(found, ["# Title"]), json.loads(json.dumps(record(found)))
    for title in ("Decoders", "Trivial baselines", "Whole window or one frame", "Classes", "Most frequent confusions"):
        assert f"## {title}" in text
    assert kept["decoders"][JOINT]["number"] == 0.5
    assert kept["views"][BEST]["number"] == 1.0
    assert kept["classes"]["48"]["right"] == 0
    assert kept["confusion"]["numbers"]["labels"] == ["4", "8", "48"]
    assert sum(map(sum, kept["confusion"]["tens"]["counts"])) == 2
    assert kept["risk_coverage"][JOINT]["coverage"][-1] == 1.0


def test_classes_choose_their_sub_folders(tree: Path) -> None:
    chosen = select(scan(tree).items, Selection("classes", test_numbers=("48", "-1")))
    assert {item.number for item in chosen} == {"48", None}
    assert len(chosen) == 10


def trained_on(root: Path, seed: int = 9, **data: Any) -> CheckpointInfo:  # noqa: ANN401 - any field
    """What `training.train` records of a run on a data set."""
    settings = TrainSettings(seed=seed, data=DataSettings(root=str(root), **data))
    return CheckpointInfo(training_data={"settings": json.loads(json.dumps(as_plain(settings)))})


@pytest.mark.parametrize("matches", [0, 3])
@pytest.mark.parametrize("key", ["match", "sequence"])
def test_the_held_out_part_is_trainings_own(tmp_path: Path, matches: int, key: SplitKey) -> None:
    layout = scan(make_tree(tmp_path / "tree", {"4": 4, "8": 4, "48": 3}, frames=1, matches=matches))
    info = trained_on(layout.root, split_by=key, validation_share=0.3, test_numbers=("48",))
    used = DataSettings(split_by=key, validation_share=0.3, test_numbers=("48",))
    trained, held_out = choose_items(layout, used, seed=9)
    assert select(layout.items, recorded_selection(info, "held_out"), one_class_will_do=True) == held_out
    assert trained_keys(layout.items, info) == {item.key for item in trained}
    assert {item.number for item in select(layout.items, recorded_selection(info, "all"))} == {"4", "8", "48"}


def test_a_mixture_tells_nothing_of_a_split(tree: Path) -> None:
    mixture = CheckpointInfo(training_data={"settings": {"source": "mixture", "seed": 9, "data": {}}})
    assert recorded_selection(mixture, "all") == Selection("all")
    assert trained_keys(scan(tree).items, mixture) == set()


@pytest.mark.parametrize(
    ("share", "selection", "holds"),
    [
        (0.3, {"split": "held_out"}, False),
        (0.3, {"split": "held_out", "seed": 4}, True),
        (0.3, {"split": "all"}, True),
        (0.0, {"split": "held_out"}, True),
        (0.3, {"split": "classes", "test_numbers": ("48", "-1")}, False),
    ],
)
def test_what_was_trained_on_is_not_passed_off_as_unseen(
    tree: Path, tmp_path: Path, share: float, selection: dict[str, Any], holds: bool
) -> None:
    info = replace(trained_on(tree, validation_share=share, test_numbers=("48", "-1")), preprocess=Preprocess(SIDE))
    chosen = replace(recorded_selection(info, selection["split"]), **selection)
    found = open_data(tree, info, chosen, sampling_of(info), tmp_path / "cache")
    assert found.holds_training is holds
    assert found.record()["holds_training_data"] is holds


@pytest.mark.parametrize("way", ["start", "tensors_of", "averaged_with", "start of the start"])
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(("seed", "holds"), [(4, True), (9, False)])
def test_what_a_network_before_it_was_trained_on_counts_too(
    tree: Path, tmp_path: Path, way: str, marked: bool, seed: int, holds: bool
) -> None:
    """Trained with seed 9 from a network that was trained with another one, and so saw what is held out now."""
    info, before = trained_on(tree, validation_share=0.3), trained_on(tree, seed, validation_share=0.3).training_data
    if marked:
        keys = trained_keys(scan(tree).items, CheckpointInfo(training_data=before))
        before = {**before, "trained_sequences": " ".join(sequence_marks(i for i in scan(tree).items if i.key in keys))}
    earlier: dict[str, Any] = {
        "start": {"start": before},
        "tensors_of": {"tensors_of": before},
        "averaged_with": {"averaged_with": [before]},
        "start of the start": {"start": {"matches": ["final"], "start": before}},
    }[way]
    info = replace(info, preprocess=Preprocess(SIDE), training_data={**info.training_data, **earlier})
    chosen = recorded_selection(info, "held_out")
    assert open_data(tree, info, chosen, sampling_of(info), tmp_path / "cache").holds_training is holds


def test_the_root_is_found_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA_ROOT", raising=False)
    recorded = CheckpointInfo(training_data={"settings": {"source": "tree", "data": {"root": "trained"}}})
    assert find_root(Path("given"), recorded) == Path("given")
    assert find_root(None, recorded) == Path("trained")
    with pytest.raises(DataError, match="No data set is named: give it with --data, or name it in DATA_ROOT"):
        find_root(None, CheckpointInfo())
    monkeypatch.setenv("DATA_ROOT", "named")
    assert find_root(None, CheckpointInfo()) == Path("named")


def test_windows_are_as_long_as_trained() -> None:
    settings = {"source": "tree", "sampling": {"mode": "random", "anchor_first": True, "length": 3}}
    info = CheckpointInfo(window_length=3, training_data={"settings": settings})
    assert sampling_of(info) == SamplingSettings("uniform", True, 3)
    with pytest.raises(DataError, match="allowed to measure with are uniform and center"):
        sampling_of(info, "random")


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"split": "half"}, "allowed are held_out, all, classes"),
        ({"held_out_share": 1.0}, "above 0 and under 1"),
        ({"test_numbers": ("007",)}, "'007' is no class"),
    ],
)
def test_a_selection_is_checked(selection: dict[str, Any], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        Selection(**selection)
