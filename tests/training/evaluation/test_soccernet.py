"""The SoccerNet protocol: from folders of pictures to predictions and their score."""

import doctest
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from nets import save_small_net
from PIL import Image
from trees import make_tree

from pipeline.config import load
from pipeline.identity import IdentityFuser
from pipeline.reading import ReaderSettings
from pipeline.settings import Settings
from pipeline.types import CropWindow, UInt8Image, WindowRead
from recognizer.labels import encode
from recognizer.preprocess import Preprocess
from training.evaluate import main
from training.evaluation import soccernet
from training.evaluation.soccernet import SETTINGS, as_int, run_protocol, score
from training.evaluation.tracklets import Protocol, ProtocolError, find_tracklets

CPU = torch.device("cpu")
GREY = {"10": 60, "7": 110, "00": 160, None: 230}
"""Brightness by which the stub below knows a number."""


def pixels(window: CropWindow) -> UInt8Image:
    """The crops of a window, uint8 (n, S, S, 3)."""
    return np.stack([crop.rgb for crop in window.crops if crop is not None])


class StubReader:
    """In place of `WindowReader`: reads a window's number off its brightness and keeps what it was handed."""

    seen: list[CropWindow]
    locates = True

    def __init__(self, settings: ReaderSettings, device: torch.device) -> None:
        self.preprocess = Preprocess(size=16, sharpness=1.0)
        self._waiting: list[WindowRead] = []
        StubReader.seen = []

    def push(self, windows: Iterable[CropWindow]) -> list[WindowRead]:
        """Hold everything back until `flush`, as a reader whose batch is never full."""
        for window in windows:
            StubReader.seen.append(window)
            self._waiting.append(self._read(window))
        return []

    def flush(self) -> list[WindowRead]:
        reads, self._waiting = self._waiting, []
        return reads

    def _read(self, window: CropWindow) -> WindowRead:
        brightness = float(np.median(pixels(window)))
        number = min(GREY, key=lambda one: abs(GREY[one] - brightness))
        shares = np.full((2, 11), 0.001)
        shares[[0, 1], list(encode(number))] = 0.99
        tens, units = np.log(shares).astype(np.float32)
        weights = (window.valid / window.valid.sum()).astype(np.float32)
        return WindowRead(window.track_id, window.frame_indices, tens, units, weights, 0, window.quality)


@pytest.fixture
def _stub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soccernet, "WindowReader", StubReader)


def player(number: str | None, seed: int = 0) -> Image.Image:
    """A whole player, 60 x 160: legs and head black, the jersey region in the number's brightness, textured."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((160, 60, 3), np.int16)
    picture[15:90] = GREY[number] + rng.integers(-40, 41, (75, 60, 1)) // 2
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def write_tracklets(folder: Path, numbers: dict[str, str | None], frames: int = 31) -> Path:
    """`images/{tracklet}/{tracklet}_{frame}.png` and `test_gt.json`."""
    for name, number in numbers.items():
        (folder / "images" / name).mkdir(parents=True)
        for frame in range(frames):
            player(number, frame).save(folder / "images" / name / f"{name}_{frame}.png")
    truth = {name: as_int(number) for name, number in numbers.items()}
    (folder / "test_gt.json").write_text(json.dumps(truth), encoding="utf-8")
    return folder


def settings(**identity: float) -> Settings:
    return load(Settings, None, [f"identity.{name}={value}" for name, value in identity.items()])


def run(protocol: Protocol, used: Settings | None = None) -> soccernet.Result:
    return run_protocol(protocol, used or Settings(), CPU, lambda count: None)


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(soccernet).failed == 0


@pytest.mark.usefixtures("_stub")
def test_tracklets_are_predicted_and_scored(tmp_path: Path) -> None:
    folder = write_tracklets(tmp_path, {"0": "10", "2": "7", "10": None})
    found = run(Protocol(folder, None, "players"))
    assert found.predictions == {"0": 10, "2": 7, "10": -1}
    assert list(found.predictions) == ["0", "2", "10"]
    assert found.scores()["prediction"].accuracy == 1.0
    assert found.scores()["always -1"].accuracy == pytest.approx(1 / 3)
    assert found.record()["tracklets"]["0"]["status"] == "read"


@pytest.mark.usefixtures("_stub")
def test_windows_are_cut_as_the_pipeline_cuts_them(tmp_path: Path) -> None:
    folder = write_tracklets(tmp_path, {"0": "10"}, frames=31)
    found = run(Protocol(folder, None, "players"))
    # A crop for every 0.12 s: of 31 frames at 25 per second, one in three, so eleven, in windows of five.
    taken = [window.frame_indices[window.valid] for window in StubReader.seen]
    stretches = [int(frame) // 3 for frames in taken for frame in frames]
    assert sorted(set(stretches)) == list(range(11))
    assert len(StubReader.seen) == found.identities["0"].n_reads == 3


@pytest.mark.usefixtures("_stub")
def test_all_windows_of_a_tracklet_are_fused_as_in_the_product(tmp_path: Path) -> None:
    folder = write_tracklets(tmp_path, {"0": "10", "1": "7"})
    used = settings(steepness=1.5, even_support=0.4)
    found = run(Protocol(folder, None, "players"), used)
    windows = StubReader.seen
    stub = StubReader(used.reader, CPU)
    stub.push(windows)
    fuser = IdentityFuser(used.identity)
    for read in stub.flush():
        fuser.add(read)
    assert found.identities == {"0": fuser.identity(0), "1": fuser.identity(1)}


@pytest.mark.usefixtures("_stub")
def test_players_give_their_jersey_and_numbers_the_whole_picture(tmp_path: Path) -> None:
    folder = write_tracklets(tmp_path, {"0": "7"})
    run(Protocol(folder, None, "players"))
    jersey = np.concatenate([pixels(window) for window in StubReader.seen])
    assert jersey.min() > 60  # nothing of the black head and legs
    crops = [crop for window in StubReader.seen for crop in window.crops if crop is not None]
    assert all(crop.surroundings is not None for crop in crops), "the number may be looked for, as in the pipeline"
    run(Protocol(folder, None, "numbers"))
    whole = np.concatenate([pixels(window) for window in StubReader.seen])
    assert (whole == 0).mean() > 0.4


@pytest.mark.usefixtures("_stub")
def test_thresholds_are_the_settings(tmp_path: Path) -> None:
    folder = write_tracklets(tmp_path, {"0": "10"}, frames=4)
    assert run(Protocol(folder, None, "players")).identities["0"].status == "too_short"
    believed = run(Protocol(folder, None, "players"), settings(min_reads=1, min_readable=0.5, min_confidence=0.1))
    assert believed.predictions == {"0": 10}


@pytest.mark.usefixtures("_stub")
def test_without_truth_nothing_is_scored(tmp_path: Path) -> None:
    folder = write_tracklets(tmp_path, {"0": "10"})
    (folder / "test_gt.json").unlink()
    found = run(Protocol(folder / "images", None, "players"))
    assert found.predictions == {"0": 10}
    assert found.scores() == {}
    assert "nothing was scored" in found.markdown()


@pytest.mark.usefixtures("_stub")
def test_tracklets_without_a_picture_are_predicted_none(tmp_path: Path) -> None:
    folder = write_tracklets(tmp_path, {"0": "10"})
    (folder / "test_gt.json").write_text('{"0": 10, "5": 7, "6": -1}', encoding="utf-8")
    found = run(Protocol(folder, None, "players"))
    assert found.predictions == {"0": 10, "5": -1, "6": -1}
    assert found.scores()["prediction"] == score({"0": 10, "5": -1, "6": -1}, {"0": 10, "5": 7, "6": -1})


@pytest.mark.usefixtures("_stub")
def test_unreadable_pictures_are_counted(tmp_path: Path) -> None:
    folder = write_tracklets(tmp_path, {"0": "10"})
    (folder / "images" / "0" / "0_3.png").write_bytes(b"no picture")
    found = run(Protocol(folder, None, "players"))
    assert (found.unreadable, found.predictions) == (1, {"0": 10})
    for picture in (folder / "images" / "0").iterdir():
        picture.write_bytes(b"no picture")
    with pytest.raises(ProtocolError, match="None of the 31 pictures"):
        run(Protocol(folder, None, "players"))


def test_a_data_set_is_its_own_truth(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "tree", {"7": 1, "-1": 1}, subdirs=2, frames=3)
    tracklets, truth, _ = find_tracklets(Protocol(root, None))
    assert [tracklet.name for tracklet in tracklets] == ["7/player_1_seq_101", "-1/player_2_seq_102"]
    assert [len(tracklet.files) for tracklet in tracklets] == [6, 6]
    assert truth == {"7/player_1_seq_101": "7", "-1/player_2_seq_102": None}
    with pytest.raises(ProtocolError, match="needs no --ground-truth"):
        find_tracklets(Protocol(root, tmp_path / "gt.json"))


@pytest.mark.usefixtures("_stub")
def test_pictures_of_a_data_set_are_read_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "tree" / "7" / "player_1_seq_1" / "0"
    folder.mkdir(parents=True)
    for frame in range(31):
        player("7", frame).save(folder / f"1_{frame}_0.png")
    for shows in (None, "numbers"):
        run(Protocol(tmp_path / "tree", None, shows))  # type: ignore[arg-type]  # one of the two
        whole = np.concatenate([pixels(window) for window in StubReader.seen])
        assert (whole == 0).mean() > 0.4, "all of the picture is there, its black parts too"
    with pytest.raises(ProtocolError, match="is a data set, whose pictures are jersey regions already; leave out"):
        run(Protocol(tmp_path / "tree", None, "players"))


def test_pictures_stand_in_order_of_time(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    for frame in (2, 10, 1):
        player("10").save(tmp_path / "0" / f"0_{frame}.png")
    tracklets, truth, _ = find_tracklets(Protocol(tmp_path, None, "players"))
    assert [file.stem for file in tracklets[0].files] == ["0_1", "0_2", "0_10"]
    assert truth is None


def test_score_by_hand() -> None:
    truth = {"0": 10, "1": 7, "2": -1, "3": -1, "4": 9}
    found = score({"0": 10, "1": -1, "2": -1, "3": 5, "4": 6, "99": 1}, truth)
    assert found.accuracy == 0.4
    assert found.readable == pytest.approx(1 / 3)
    assert found.unreadable == 0.5
    assert (found.wrong, found.missed, found.tracklets) == (2, 1, 5)
    assert found.low < 0.4 < found.high
    with pytest.raises(ValueError, match="no tracklet to score"):
        score({}, {})


def test_the_command_writes_the_challenges_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_tracklets(tmp_path / "test", {"0": "10", "1": None}, frames=8)
    checkpoint, output = save_small_net(tmp_path / "small.safetensors"), tmp_path / "out"
    options = ["--soccernet", str(folder), "--ground-truth", str(folder / "test_gt.json"), "-q"]
    always = ["--set", "identity.min_confidence=0", "--set", "identity.min_reads=1"]
    assert main(["--checkpoint", str(checkpoint), "-o", str(output), *options, *always]) == 0
    predictions = json.loads((output / "predictions.json").read_text(encoding="utf-8"))
    assert set(predictions) == {"0", "1"}
    assert all(isinstance(number, int) and -1 <= number <= 99 for number in predictions.values())
    kept = json.loads((output / "evaluation.json").read_text(encoding="utf-8"))
    assert kept["scores"]["prediction"]["tracklets"] == 2
    assert "| prediction " in capsys.readouterr().out


def test_every_picture_of_a_short_tracklet_counts(tmp_path: Path, _stub: None) -> None:
    folder = write_tracklets(tmp_path, {"0": "10"}, frames=4)
    result = run_protocol(Protocol(folder, None, "players"), load(Settings, None, SETTINGS), CPU, lambda count: None)
    assert result.predictions == {"0": 10}
    assert [int(window.valid.sum()) for window in StubReader.seen] == [4]
    assert run(Protocol(folder, None, "players")).predictions == {"0": -1}


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (None, "is no valid JSON"),
        ({"7": 10}, "names none of the 1 tracklets"),
        ({"0": 100}, "allowed are 0 to 99, and -1"),
        ("missing", "cannot be read"),
    ],
)
def test_truth_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], truth: object, message: str
) -> None:
    folder = write_tracklets(tmp_path / "test", {"0": "10"}, frames=1)
    given = tmp_path / "gt.json"
    if truth != "missing":
        given.write_text("{" if truth is None else json.dumps(truth), encoding="utf-8")
    checkpoint, output = save_small_net(tmp_path / "small.safetensors"), tmp_path / "out"
    options = ["--soccernet", str(folder), "--ground-truth", str(given), "-q", "-o", str(output)]
    assert main(["--checkpoint", str(checkpoint), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not output.exists()


def test_two_truths_beside_the_pictures_must_be_told_apart(tmp_path: Path) -> None:
    folder = write_tracklets(tmp_path, {"0": "10"}, frames=1)
    (folder / "train_gt.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ProtocolError, match="2 files"):
        find_tracklets(Protocol(folder, None, "players"))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="is no folder"):
        find_tracklets(Protocol(tmp_path / "none", None, "players"))
