"""What --check says before a training starts."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from runs import small_data, small_settings, use_narrow_backbone
from trees import make_tree

import training.fitting.checks
from pipeline.config import as_plain
from recognizer.checkpoint import CheckpointInfo, save_checkpoint
from training.data.layout import Layout, scan
from training.data.splits import Split, by_class, sequence_marks
from training.fitting.checks import Coverage, check, coverage_table, digit_coverage, missing_numbers
from training.fitting.distributed import Team
from training.fitting.loop import run_training
from training.fitting.settings import DataSettings, TrainSettings
from training.fitting.start import build_reader, settle_preprocess
from training.fitting.tree_feed import choose_items, tree_data
from training.mixture.recipe import MixtureSettings

SEED_TRAINED = ("4", "6", "8", "9", "49", "66", "89")
SEED_TESTED = ("48", "64", "88")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    numbers = {number: 3 for number in (*SEED_TRAINED, *SEED_TESTED, "-1")}
    return make_tree(tmp_path_factory.mktemp("data") / "tree", numbers, frames=2, side=16)


def settings(tree: Path, tmp_path: Path, **data: object) -> TrainSettings:
    chosen = DataSettings(root=str(tree), **data)  # type: ignore[arg-type]  # values by name
    return TrainSettings(output=str(tmp_path / "run"), tensorboard=False, data=chosen)


def test_the_seeds_numbers_were_covered_digit_by_digit_but_not_together() -> None:
    assert digit_coverage(SEED_TRAINED, SEED_TESTED) == [
        Coverage("48", True, True, False),
        Coverage("64", True, True, False),
        Coverage("88", True, True, False),
    ]


@pytest.mark.parametrize(
    ("trained", "tested", "expected"),
    [
        (["4", "8"], "48", (False, True, False)),  # the 4 was never a tens digit
        (["48"], "48", (True, True, True)),
        (["84"], "48", (False, False, False)),
        (["10"], "00", (False, True, False)),
        (["12"], "2", (False, True, False)),  # having no tens digit must be seen as well
        ([None], "2", (False, False, False)),
    ],
)
def test_a_digit_counts_in_its_own_place(trained: list[str | None], tested: str, expected: tuple[bool, ...]) -> None:
    assert digit_coverage(trained, [tested])[0][1:] == expected


def test_the_table_counts_what_is_covered() -> None:
    table = coverage_table(digit_coverage(SEED_TRAINED, ["48", "77", "4"]))
    assert "48               yes                yes                 no" in table
    assert "4        yes (none)                yes                yes" in table
    assert table.endswith("2 of 3 test numbers have both digits trained in their places.")


def test_a_sound_run(tree: Path, tmp_path: Path) -> None:
    report = check(settings(tree, tmp_path, train_numbers=SEED_TRAINED, test_numbers=SEED_TESTED))
    assert report.usable, report.text
    assert "network: 15,159,640 parameters, 15,159,640 of them trained at first, from chance" in report.text
    assert "train and test numbers overlap: no" in report.text
    assert "train and validation sequences overlap: no" in report.text
    assert "3 of 3 test numbers have both digits trained in their places." in report.text
    assert "regions cut with: not recorded" in report.text
    assert report.text.endswith("Training can start.\n")
    assert not (tmp_path / "run").exists()


def test_a_match_held_out_whole_that_is_far_from_the_share_is_noted(tmp_path: Path) -> None:
    few = make_tree(tmp_path / "few", {"7": 4, "46": 4}, frames=2, matches=2)
    run = replace(TrainSettings(output=str(tmp_path / "run"), tensorboard=False), data=DataSettings(root=str(few)))
    assert "note: 0.50 of the data is held out instead of 0.2, since matches are held out whole" in check(run).text
    by_sequence = replace(run, data=replace(run.data, split_by="sequence", validation_share=0.25))
    assert "is held out instead of" not in check(by_sequence).text
    small_share = replace(by_sequence, data=replace(by_sequence.data, validation_share=0.1))
    assert "note: 0.25 of the data is held out instead of 0.1, since sequences are held out" in check(small_share).text


def test_a_track_on_both_sides_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one of its sequences is under a number and one under none; a split of ours keeps them together."""
    track = make_tree(tmp_path / "track", {"7": 4, "46": 4}, frames=2)
    for sequence in (track / "7").iterdir():
        shutil.copytree(sequence, track / "-1" / sequence.name)
    by_sequence = settings(track, tmp_path, split_by="sequence")
    report = check(by_sequence).text
    assert "train and validation sequences overlap: no" in report
    assert "validation: 3 sequences, 3 windows of 3 numbers: 7, -1, 46" in report

    def leaky(layout: Layout, *_settings: object) -> Split:
        return by_class(layout.items, (), ("-1",))

    monkeypatch.setattr(training.fitting.checks, "choose_items", leaky)
    assert "train and validation sequences overlap: -1/player_1_seq_101, -1/player_2" in check(by_sequence).text


def test_matches_of_both_sides_are_named(tree: Path, tmp_path: Path) -> None:
    known = make_tree(tmp_path / "known", {"7": 6, "46": 6}, frames=2, matches=12)
    report = check(settings(known, tmp_path)).text
    assert re.search(r"^train matches: 10: (match_\d+, ){7}match_\d+ and 2 more$", report, re.MULTILINE)
    assert re.search(r"^validation matches: 2: match_\d+, match_\d+$", report, re.MULTILINE)
    assert "No whole match" not in report
    unknown = check(settings(tree, tmp_path)).text
    assert "train matches: none known" in unknown
    assert "note: No whole match is held out, since none is known: training may know the players" in unknown


def test_an_output_that_is_a_file_is_a_problem(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    report = check(settings(tree, tmp_path))
    assert not report.usable
    assert f"problem: {tmp_path / 'run'} is a file, but a folder is needed" in report.text


def test_numbers_without_a_folder_are_noted(tree: Path, tmp_path: Path) -> None:
    report = check(settings(tree, tmp_path, test_numbers=("48", "99")))
    assert report.usable
    assert f"data.test_numbers names 99, and there is no folder {tree / '99'}." in report.text
    assert missing_numbers(["1", "-1"], ["-1"]) == ["1"]


def test_without_test_numbers_all_numbers_are_counted(tree: Path, tmp_path: Path) -> None:
    text = check(settings(tree, tmp_path)).text
    assert "Of all 101 numbers training shows 10, and both digits in their places of 16." in text


def test_every_problem_is_named(tree: Path, tmp_path: Path) -> None:
    wrong = settings(tree, tmp_path, train_numbers=("4", "48"), test_numbers=("48",))
    report = check(replace(wrong, start_from=str(tmp_path / "none.safetensors"), precision="float16"))
    assert not report.usable
    assert "problem: precision is float16, which needs a CUDA device" in report.text
    assert report.text.count("none.safetensors does not exist") == 1
    assert "train and test numbers overlap: 48" in report.text
    assert "The number 48 is in the training and in the test classes" in report.text


def test_a_frozen_start_from_chance_is_noted(tree: Path, tmp_path: Path) -> None:
    given = settings(tree, tmp_path)
    frozen = replace(given, model=replace(given.model, frozen_fraction=0.6))
    assert "13,590,808 of them trained at first" in check(frozen).text
    assert "model.frozen_fraction is 0.6 and start_from is empty" in check(frozen).text


def test_frozen_tensors_are_looked_up(tree: Path, tmp_path: Path) -> None:
    given = settings(tree, tmp_path, train_numbers=SEED_TRAINED, test_numbers=SEED_TESTED)
    named = check(replace(given, fit=replace(given.fit, frozen=("backbone.layer4.0.conv",))))
    assert named.usable, named.text
    assert "11,620,696 of them trained at first" in named.text
    unknown = check(replace(given, fit=replace(given.fit, frozen=("layer4",))))
    assert "problem: fit.frozen holds 'layer4', and no tensor's name begins so" in unknown.text


@pytest.mark.parametrize(("seed", "known"), [(3, True), (0, False)])
def test_held_out_sequences_that_the_start_was_trained_on_are_counted(
    tree: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    seed: int,
    known: bool,
) -> None:
    use_narrow_backbone(monkeypatch)
    plain = replace(small_settings(tmp_path / "first"), data=DataSettings(root=str(tree), workers=0))
    network, record = build_reader(plain).reader, tree_data(plain, Team()).description
    start = tmp_path / "start.safetensors"
    described = {**record, "settings": json.loads(json.dumps(as_plain(plain)))}
    save_checkpoint(start, network, CheckpointInfo(training_data={"start": described}))
    trained = set(record["trained_sequences"].split())
    wanted = replace(plain, output=str(tmp_path / "run"), start_from=str(start), seed=seed)
    held_out = sequence_marks(choose_items(scan(tree), wanted.data, seed)[1])
    sentence = f"{start} has learnt from {len(held_out & trained)} of the {len(held_out)} held-out sequences, so that"
    report = check(wanted)
    assert (f"note: {sentence}" in report.text, report.usable) == (known, True)
    tree_data(wanted, Team())
    assert (sentence in caplog.text) is known
    assert ("hold out what it held out (seed, data.split_by and data.validation_share as in" in caplog.text) is known


def test_the_mixtures_folders(tmp_path: Path) -> None:
    given = TrainSettings(tensorboard=False, source="mixture", fit=replace(TrainSettings().fit, steps_per_epoch=1))
    mixture = replace(given.mixture, data=str(tmp_path / "data"), clips=str(tmp_path), held_out=("nowhere",))
    report = check(replace(given, mixture=mixture))
    assert f"The folder {tmp_path / 'data' / 'jersey_photos'} does not exist" in report.text
    assert f"No labelled clip is in the folder {tmp_path}" in report.text
    assert not report.usable


@pytest.mark.parametrize(
    ("held_out", "named"),
    [(("barcelona_clip",), "barcelona_clip"), (("argentina_brazil", "boca_lanus"), "every clip that is there")],
)
def test_the_mixture_holds_out_clips_that_are_there_and_not_all(
    tmp_path: Path, held_out: tuple[str, ...], named: str
) -> None:
    for name in ("jersey_photos", "soccernet_numbers", "basketball_numbers", "player_crops"):
        (tmp_path / name).mkdir()
    for name in ("argentina_brazil", "boca_lanus"):  # labels of these and of barcelona_clip are in training/labels
        (tmp_path / f"{name}.mp4").write_bytes(b"")
    given = TrainSettings(
        output=str(tmp_path / "run"),
        tensorboard=False,
        source="mixture",
        fit=replace(TrainSettings().fit, steps_per_epoch=1),
        mixture=MixtureSettings(data=str(tmp_path), clips=str(tmp_path), held_out=held_out[:1]),
    )
    assert check(given).usable == (named != "barcelona_clip")
    report = check(replace(given, mixture=replace(given.mixture, held_out=held_out)))
    assert report.problems == [
        f"mixture.held_out names {named}; name some of the clips that are there: argentina_brazil, boca_lanus."
    ]


@pytest.mark.parametrize(
    ("name", "problem"),
    [("resume.pt", "holds a training already; go on"), ("best.safetensors", "holds the checkpoints of a training")],
)
def test_an_output_folder_in_use_is_a_problem(tree: Path, tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_bytes(b"")
    report = check(settings(tree, tmp_path))
    assert not report.usable
    assert f"problem: {tmp_path / 'run'} {problem}" in report.text


def test_going_on_needs_a_state(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_narrow_backbone(monkeypatch)
    small = small_settings(tmp_path / "run", epochs=1)
    wanted = replace(small, data=DataSettings(root=str(tree)))
    assert "There is no training to go on with" in check(wanted, resume=True).text
    run_training(settle_preprocess(small), small_data())
    report = check(wanted, resume=True)
    assert report.problems == []
    assert report.text.endswith("Training can go on, on the settings and data it began with.\n")
    (problem,) = check(replace(wanted, seed=5), resume=True).problems
    assert problem.startswith("seed is 5 and was 0 when the training")
