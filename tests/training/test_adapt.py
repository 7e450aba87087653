"""The command that teaches the recognizer from its own runs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from building_media import FRAMES, SETTINGS, write_csv, write_run, write_scene
from nets import save_small_net

import training.adapting.teaching
from pipeline.config import as_plain, load
from pipeline.crops import cut_crops
from pipeline.results.outputs import READS, ReadLog
from pipeline.results.report import file_record
from pipeline.types import WindowRead
from recognizer.checkpoint import load_checkpoint, save_checkpoint
from recognizer.labels import encode
from recognizer.preprocess import normalize
from training.adapt import forgot, main
from training.adapting.settings import AdaptSettings
from training.adapting.teaching import Taught
from training.build_dataset import main as build_dataset
from training.data.finished_runs import open_finished_run
from training.data.layout import scan
from training.data.splits import sequence_marks
from training.evaluation.data import learnt_marks

pytestmark = pytest.mark.usefixtures("narrow_backbone")

CONFIG = Path(__file__).parents[2] / "configs" / "adapt.yaml"
QUICK = ["--set", "workers=0", "--set", "batch_size=16"]
STATUSES = {1: ("7", "read"), 2: ("46", "read")}


def sure(track: int, anchor: int, number: str | None) -> WindowRead:
    """A read that leaves no doubt."""
    tens, units = (np.where(np.arange(11) == digit, -0.01, -6.9).astype(np.float32) for digit in encode(number))
    return WindowRead(track, np.array([anchor]), tens, units, np.ones(1, np.float32), anchor, 0.5)


def finished(folder: Path, video: Path, weights: Path) -> Path:
    """A run in which both players are read, and turn away at its end."""
    write_run(folder, video, STATUSES)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"weights": {"reader": file_record(weights, [weights])}}))
    with ReadLog(folder / READS) as log:
        for track, (number, _) in STATUSES.items():
            log.add([sure(track, 5, number), sure(track, 15, number), sure(track, 25, None)])
    return folder


def network(path: Path) -> Path:
    """A small network at a temperature of its own."""
    net, info = load_checkpoint(save_small_net(path))
    save_checkpoint(path, net, type(info)(info.preprocess, 5, 1.3, {"matches": ["elsewhere"]}))
    return path


def likelihood(weights: Path, folder: Path) -> float:
    """Mean log-probability of both players' numbers, read alone in the frames in which they are seen."""
    run = open_finished_run(folder, None, SETTINGS.crops)
    crops = [
        crop for frame, boxes in run.looked_at() if frame.index < 20 for crop in cut_crops(frame, boxes, SETTINGS.crops)
    ]
    net, info = load_checkpoint(weights)
    rgb = np.stack([info.preprocess.apply(crop.rgb) for crop in crops])
    with torch.inference_mode():
        out = net.eval()(normalize(torch.from_numpy(rgb[:, None])), torch.ones(len(rgb), 1, dtype=torch.bool))
    digits = torch.tensor([encode(run.numbers[crop.track_id]) for crop in crops])
    logs = [torch.log_softmax(each, 1).gather(1, digit[:, None]) for each, digit in zip(out[:2], digits.T, strict=True)]
    return float(torch.cat(logs).mean())


def test_the_shipped_file_shows_every_key_with_its_default() -> None:
    assert load(AdaptSettings, CONFIG) == AdaptSettings()
    assert yaml.safe_load(CONFIG.read_text()) == as_plain(AdaptSettings())


def test_the_players_of_a_run_are_read_better_by_what_it_taught(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start, out = network(tmp_path / "start.safetensors"), tmp_path / "new" / "league.safetensors"
    run = finished(tmp_path / "run", video, start)
    assert main([str(run), "-o", str(out), *QUICK, "--set", "steps=40", "--set", "learning_rate=2e-3"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Learnt from 42 pictures of 2 numbers (7, 46) and 18 without a number; of drawn numbers ")
    assert f"--set reader.weights={out}\n" in said
    before, after = load_checkpoint(start)[1], load_checkpoint(out)[1]
    assert (after.window_length, after.temperature, after.preprocess) == (5, 1.3, before.preprocess)
    assert after.training_data["start"] == {"matches": ["elsewhere"]}
    assert after.training_data["matches"] == [video.stem]
    assert after.training_data["numbers"] == {"46": 21, "7": 21} and after.training_data["unreadable"] == 18
    assert [path.name for path in sorted(out.parent.iterdir())] == ["league.json", "league.safetensors"]
    assert likelihood(out, run) > likelihood(start, run) + 0.5


def test_the_sequences_that_taught_are_known_in_a_data_set(video: Path, tmp_path: Path) -> None:
    start, out = network(tmp_path / "start.safetensors"), tmp_path / "league.safetensors"
    run = finished(tmp_path / "run", video, start)
    assert main([str(run), "-o", str(out), *QUICK, "--set", "steps=1"]) == 0
    (table := tmp_path / "corrections.csv").write_text("track_id,jersey_number\n1,7\n2,46\n")
    assert build_dataset(["run", str(run), "-o", str(tmp_path / "data"), "--corrections", str(table), "-q"]) == 0
    layout, info = scan(tmp_path / "data"), load_checkpoint(out)[1]
    built = sequence_marks(layout.items)
    assert len(built) == 2
    assert learnt_marks(layout.root, info, layout.items) == built


def test_several_runs_teach_together(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = network(tmp_path / "start.safetensors")
    runs = [finished(tmp_path / name, video, start) for name in ("one", "two")]
    assert main([*map(str, runs), "-o", str(tmp_path / "out.safetensors"), *QUICK, "--set", "steps=1"]) == 0
    assert "Learnt from 84 pictures of 2 numbers (7, 46) and 36 without a number;" in capsys.readouterr().out
    (tmp_path / "moved").mkdir()
    video.rename(tmp_path / "moved" / video.name)
    moved = [*map(str, runs), "-o", str(tmp_path / "again.safetensors"), *QUICK, "--set", "steps=1"]
    assert main(moved) == 2
    assert main([*moved, "--video", str(tmp_path / "moved")]) == 0


def test_corrections_teach_too(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = finished(tmp_path / "run", video, network(tmp_path / "start.safetensors"))
    table = write_csv(tmp_path / "corrections.csv", ["track_id", "jersey_number"], [(2, "48")])
    words = [str(run), "-o", str(tmp_path / "out.safetensors"), *QUICK, "--set", "steps=1"]
    assert main([*words, "--corrections", str(table)]) == 0
    assert "Learnt from 42 pictures of 2 numbers (7, 48) and 18 without a number;" in capsys.readouterr().out


def test_runs_read_with_different_recognizers_are_refused(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nets = [network(tmp_path / name) for name in ("one.safetensors", "two.safetensors")]
    changed, info = load_checkpoint(nets[1])
    torch.nn.init.zeros_(changed.tens_head.output.weight)
    save_checkpoint(nets[1], changed, info)
    runs = [finished(tmp_path / f"run{k}", video, net) for k, net in enumerate(nets)]
    out = tmp_path / "out.safetensors"
    assert main([*map(str, runs), "-o", str(out)]) == 2
    assert "were read with different recognizers" in capsys.readouterr().err
    assert not out.exists()


def test_a_run_that_knows_one_number_is_refused(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path / "run", video, network(tmp_path / "start.safetensors"))
    table = write_csv(tmp_path / "corrections.csv", ["track_id", "jersey_number"], [(2, "-1")])
    out = tmp_path / "out.safetensors"
    assert main([str(run), "-o", str(out), "--corrections", str(table)]) == 2
    said = capsys.readouterr().err
    assert "pictures of at least 2 numbers are wanted" in said
    assert "the numbers are 7, and without one there are 41 pictures" in said
    assert said.count("\n") == 1 and not out.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "-o", "out.pt"], "A file of weights must end in .safetensors, which out.pt does not."),
        (["run", "-o", "out.safetensors", "--set", "own=1"], "own is 1.0; allowed is above 0 and under 1"),
        (["run", "-o", "out.safetensors", "--set", "steps=0"], "steps is 0; allowed is 1 to 100000"),
        (["nowhere", "-o", "out.safetensors"], "nowhere holds no finished run"),
        (
            ["run", "run", "--video", "a.mp4", "-o", "out.safetensors"],
            "--video is a.mp4; for several runs a folder that holds their videos is expected",
        ),
        (["run", "-o", "start.safetensors"], "start.safetensors is what the training starts from"),
        (["run", "-o", "media/scene.mp4/out.safetensors"], "scene.mp4 is a file, but a folder is needed"),
        (["run", "-o", "out.safetensors", "--set", "typefaces=media"], "The folder media holds no font file"),
        (["run", "-o", "out.safetensors", "--set", "precision=float16"], "precision is float16, which needs a CUDA"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(
    words: list[str],
    said: str,
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    finished(tmp_path / "run", video, network(tmp_path / "start.safetensors"))
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_nothing_is_decoded_where_something_is_amiss(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start = network(tmp_path / "start.safetensors")
    runs = [finished(tmp_path / name, video, start) for name in ("one", "two")]
    (runs[1] / READS).unlink()
    monkeypatch.setattr(training.adapting.teaching, "cut_tracks", None)
    assert main([*map(str, runs), "-o", str(tmp_path / "out.safetensors")]) == 2
    assert "two/reads.jsonl is missing" in capsys.readouterr().err


@pytest.mark.parametrize("gone", [True, False])
def test_a_recognizer_that_is_gone_or_changed_is_not_taught(
    gone: bool, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = network(tmp_path / "start.safetensors")
    run = finished(tmp_path / "run", video, start)
    start.unlink() if gone else start.write_bytes(b"another")
    assert main([str(run), "-o", str(tmp_path / "out.safetensors")]) == 2
    assert "is not there any more, or has changed; read the video again" in capsys.readouterr().err


def test_the_runs_own_crops_are_cut(video: Path, tmp_path: Path) -> None:
    run = finished(tmp_path / "run", video, network(tmp_path / "start.safetensors"))
    record = json.loads((run / "run.json").read_text())
    record["settings"]["crops"]["centre_y"] = 0.4
    (run / "run.json").write_text(json.dumps(record))
    out = tmp_path / "out.safetensors"
    assert main([str(run), "-o", str(out), *QUICK, "--set", "steps=1"]) == 0
    assert json.loads(out.with_suffix(".json").read_text())["training_data"]["settings"]["crops"]["centre_y"] == 0.4


def test_a_network_that_reads_other_numbers_much_worse_is_told_of() -> None:
    before, after = Taught({"7": 3, "8": 3}, 4, 0.8, 0.76), Taught({"7": 3, "8": 3}, 4, 0.8, 0.74)
    assert forgot(before) is False and forgot(after) is True


def test_a_video_that_has_changed_is_refused(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = finished(tmp_path / "run", video, network(tmp_path / "start.safetensors"))
    video.unlink()
    write_scene(video, FRAMES - 5)
    assert main([str(run), "-o", str(tmp_path / "out.safetensors")]) == 2
    assert "is not the video the run" in capsys.readouterr().err
