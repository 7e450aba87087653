"""The command from its arguments to its exit code: what it prints and what it leaves."""

import io
import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from factories import cut, damage, write_images
from scenes import street_pictures

import pipeline.run
import pipeline.running
from pipeline.media.video import VideoSource, open_source
from pipeline.passes import ProgressUpdate
from pipeline.run import main
from pipeline.types import Frame

FILES = ["annotated.mp4", "players.csv", "reads.jsonl", "run.json", "tracks.csv", "tracks.mot.txt"]


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def record(folder: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((folder / "run.json").read_text())
    return found


def test_a_whole_run(brief: Path, options: list[str], at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(brief), *options]) == 0
    assert listing(at_home) == ["runs"]
    assert listing(at_home / "runs") == ["brief"]
    assert listing(at_home / "runs" / "brief") == FILES
    printed = capsys.readouterr()
    assert "got no number" in printed.out
    paths = [Path(line) for line in printed.out.splitlines()[-6:]]
    assert sorted(path.name for path in paths) == FILES
    assert all(path.exists() for path in paths)
    assert "Traceback" not in printed.err

    marker = at_home / "runs" / "brief" / "tracks.csv"
    marker.write_text("old")
    assert main([str(brief), *options]) == 2
    assert "runs/brief holds a finished run; give --overwrite" in capsys.readouterr().err
    assert marker.read_text() == "old"
    assert main([str(brief), *options, "--overwrite", "--no-video", "-q"]) == 0
    assert listing(at_home / "runs" / "brief") == [name for name in FILES if name != "annotated.mp4"]
    assert marker.read_text() != "old"
    assert capsys.readouterr().out == ""


def test_a_part_of_the_video(brief: Path, options: list[str], at_home: Path) -> None:
    assert main([str(brief), "-o", "part", "--start", "0.1", "--duration", "0.12", "--no-video", *options]) == 0
    times = [frame.time_seconds for frame in open_source(brief).frames()]
    assert record(at_home / "part")["counts"]["frames_decoded"] == sum(0.1 <= time < 0.22 for time in times)


@pytest.mark.parametrize("pattern", ["frames", "frames/*.png"])
def test_images(pattern: str, options: list[str], at_home: Path) -> None:
    write_images(at_home / "frames", street_pictures(3))
    assert main([pattern, "-o", "out", *options]) == 0
    assert listing(at_home / "out") == FILES
    assert record(at_home / "out")["counts"]["frames_decoded"] == 3
    assert len(list(open_source(at_home / "out" / "annotated.mp4").frames())) == 3


def test_settings_come_from_the_file_and_are_overridden_by_the_command(
    brief: Path, options: list[str], at_home: Path
) -> None:
    (at_home / "mine.yaml").write_text("windows: {length: 4, stride: 3}\n")
    arguments = [str(brief), "-o", "out", "--config", "mine.yaml", "--set", "windows.stride=2", "--no-video"]
    assert main([*arguments, "--duration", "0.1", *options]) == 0
    windows = record(at_home / "out")["settings"]["windows"]
    assert isinstance(windows, dict)
    assert (windows["length"], windows["stride"]) == (4, 2)


def test_a_video_that_is_damaged_in_the_middle_gives_a_partial_result(
    brief: Path, options: list[str], at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = damage(Path(shutil.copy(brief, at_home / "broken.mp4")), length=3000)
    assert main([str(broken), "-o", "out", *options]) == 3
    counts = record(at_home / "out")["counts"]
    assert isinstance(counts["frames_lost"], int)
    assert counts["frames_lost"] > 0
    assert listing(at_home / "out") == FILES
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("Partial result: ")
    assert f"{counts['frames_decoded']} frames were processed" in last


def test_a_video_whose_end_is_missing_gives_a_partial_result(
    brief: Path, options: list[str], at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = cut(Path(shutil.copy(brief, at_home / "short.mp4")), 0.7)
    assert main([str(short), "-o", "out", *options]) == 3
    assert record(at_home / "out")["counts"]["truncated"] is True
    assert record(at_home / "out")["whole"] is False
    assert "the input breaks off before its end" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "seconds"), [("90", 90.0), ("1:30", 90.0), ("0:01:30.5", 90.5), ("1:00:00", 3600.0)])
def test_times_are_seconds_or_what_players_show(text: str, seconds: float) -> None:
    assert pipeline.run._seconds(text) == seconds


class InterruptedSource:
    """A source that sends this process a signal while its fourth frame is read."""

    def __init__(self, source: VideoSource, number: signal.Signals) -> None:
        self._source = source
        self._number = number
        self.info = source.info
        self.frames_lost = 0
        self.truncated = False

    def frames(self) -> Iterator[Frame]:
        for frame in self._source.frames():
            if frame.index == 3:
                signal.raise_signal(self._number)
            yield frame


@pytest.fixture
def interrupted(brief: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[signal.Signals], None]]:
    """Makes the next run be interrupted by a signal, also where the tests themselves run with Ctrl-C switched off."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def arrange(number: signal.Signals) -> None:
        source = InterruptedSource(open_source(brief), number)
        monkeypatch.setattr(pipeline.running, "open_source", lambda *arguments: source)

    yield arrange
    signal.signal(signal.SIGINT, handler)


def test_ctrl_c_leaves_nothing(
    interrupted: Callable[[signal.Signals], None],
    options: list[str],
    at_home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupted(signal.SIGINT)
    assert main(["any.mp4", *options, "--set", "detector.batch_size=2"]) == 130
    assert listing(at_home) == []
    assert capsys.readouterr().err.strip().splitlines()[-1] == "Interrupted; nothing was written."


def test_a_kill_keeps_the_earlier_run(
    interrupted: Callable[[signal.Signals], None], brief: Path, options: list[str], at_home: Path
) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    assert main([str(brief), "-o", "out", *options, "--no-video", "--duration", "0.1"]) == 0
    before = (at_home / "out" / "run.json").read_text()
    interrupted(signal.SIGTERM)
    with pytest.raises(SystemExit) as stop:
        main(["any.mp4", "-o", "out", "--overwrite", *options])
    assert stop.value.code == 143
    assert (at_home / "out" / "run.json").read_text() == before
    assert listing(at_home / "out") == [name for name in FILES if name != "annotated.mp4"]
    assert signal.getsignal(signal.SIGTERM) is handler


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("expected", [None, 10, 30, 1000])
def test_the_progress_bar_trusts_no_header(expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    with pipeline.running.progress_bar(quiet=False) as progress:
        for frames in range(1, 31):
            progress(ProgressUpdate("reading", frames, expected, tracks=4, numbers=2))
        progress(ProgressUpdate("drawing", 1, 30, tracks=4, numbers=2))
    reading, drawing = shown.getvalue().strip().split("\n")
    assert "reading: 100%" in reading.split("\r")[-1]
    assert "30/30" in reading.split("\r")[-1]
    assert "4 tracks, 2 numbers" in reading
    assert "drawing" in drawing
