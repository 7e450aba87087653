"""A clip looped to length, and the memory of a run on it sorted by minute of video."""

import json
from fractions import Fraction
from multiprocessing import Pipe
from pathlib import Path

import psutil
import pytest
from factories import even_times, numbered_pictures, read_index, write_video

from pipeline.media.video import open_source
from training.endurance import EnduranceError, follow, main
from training.evaluation.looping import LoopError, loop_clip
from training.evaluation.metering import Meter, Minute, growth, table

MIB = 2**20
TINY = ["--set", "detector.image_size=160", "--set", "reader.batch_size=4"]


@pytest.mark.parametrize("audio", [None, "aac"])
def test_a_looped_clip_repeats_its_pictures_at_continuing_times(tmp_path: Path, audio: str | None) -> None:
    clip, looped = tmp_path / "clip.mp4", tmp_path / "looped.mp4"
    write_video(clip, 10, audio=audio)
    loop_clip(clip, 1.0, looped)
    source = open_source(looped)
    frames = list(source.frames())
    assert [read_index(frame.bgr) for frame in frames] == [*range(10)] * 3
    assert [frame.time for frame in frames] == even_times(30)
    assert source.frames_lost == 0
    assert source.info.has_audio == (audio is not None)


def test_an_unevenly_timed_clip_keeps_its_times_in_every_round(tmp_path: Path) -> None:
    times = [Fraction(tick, 50) for tick in (0, 1, 4, 6)]
    write_video(tmp_path / "clip.mp4", numbered_pictures(4), times)
    loop_clip(tmp_path / "clip.mp4", 0.2, tmp_path / "looped.mp4")
    found = [frame.time for frame in open_source(tmp_path / "looped.mp4").frames()]
    assert found[:4] == times
    assert [time - found[4] for time in found[4:]] == times
    assert 0 < found[4] - found[3] <= Fraction(2, 25)


def test_what_an_mp4_cannot_hold_is_not_looped(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 5, codec="huffyuv", pixel_format="yuv422p")
    with pytest.raises(LoopError, match=r"clip\.avi cannot be looped \(.*\); convert it to an H\.264 MP4 first\."):
        loop_clip(tmp_path / "clip.avi", 1.0, tmp_path / "looped.mp4")


def test_samples_count_where_the_run_stood() -> None:
    meter = Meter(frames_per_minute=4, minutes=3)
    meter.sample(999)  # still loading
    for frame in range(1, 14):  # one more than three minutes hold
        meter.progress("reading", frame, 10 + 0.5 * frame)
        meter.sample(100 + frame)
    meter.sample(150)  # between the passes
    meter.progress("drawing", 1, 20.0)
    meter.sample(90)
    meter.progress("drawing", 4, 20.3)
    reading = [Minute("reading", 1, 104, 0.5), Minute("reading", 2, 108, 0.5), Minute("reading", 3, 150, 0.5)]
    (*first, last) = meter.minutes()
    assert first == reading
    assert (last.phase, last.minute, last.peak_rss) == ("drawing", 1, 90)
    assert last.seconds_per_frame == pytest.approx(0.1)


def test_growth_compares_the_last_minute_with_the_second_in_each_pass() -> None:
    reading = [Minute("reading", minute, peak, 0.1) for minute, peak in ((1, 90), (2, 100), (3, 300), (4, 120))]
    drawing = [Minute("drawing", minute, peak, 0.1) for minute, peak in ((1, 90), (2, 200), (3, 190))]
    assert growth([*reading, *drawing]) == {"reading": pytest.approx(0.2), "drawing": pytest.approx(-0.05)}
    assert growth(reading[:1]) == {}


def test_the_table_gives_mebibytes() -> None:
    text = table([Minute("reading", minute, minute * MIB, 0.25) for minute in (1, 2, 3)])
    assert "| reading | 3 | 3.0 | 0.2500 |" in text
    assert text.endswith("reading: peak of minute 3 +50.0% against minute 2\n")


def test_the_cards_memory_is_compared_beside_the_resident_one() -> None:
    meter = Meter(frames_per_minute=4, minutes=3)
    for frame, card in zip(range(1, 13), (90, 0, 0, 0, 80, 100, 0, 0, 70, 0, 110, 0), strict=True):
        meter.progress("reading", frame, 0.5 * frame)
        meter.sample(100, card * MIB)
    assert [each.peak_card // MIB for each in meter.minutes()] == [90, 100, 110]
    assert growth(meter.minutes()) == {"reading": 0.0, "reading, card": pytest.approx(0.1)}
    assert "| reading | 3 | 0.0 | 110.0 | 0.5000 |" in table(meter.minutes())
    assert table(meter.minutes()).endswith("reading, card: peak of minute 3 +10.0% against minute 2\n")


def test_a_run_is_measured_by_minute(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, folder = tmp_path / "clip.mp4", tmp_path / "long"
    write_video(clip, 30, rate=1)
    code = main([str(clip), "--minutes", "3", "--output", str(folder), *TINY])
    record = json.loads((folder / "endurance.json").read_text())
    places = [(each["phase"], each["minute"]) for each in record["measured"]]
    assert places == [(phase, minute) for phase in ("reading", "drawing") for minute in (1, 2, 3)]
    assert all(50 * MIB < each["peak_rss"] < 20_000 * MIB for each in record["measured"])
    assert all(each["seconds_per_frame"] > 0 for each in record["measured"])
    assert code == int(max(record["growth"].values()) > 0.1)
    assert json.loads((folder / "run" / "run.json").read_text())["counts"]["frames_decoded"] == 180
    assert (folder / "run" / "annotated.mp4").is_file()
    assert capsys.readouterr().out.count("| drawing |") == 3


def test_what_the_run_sends_is_followed_to_its_end() -> None:
    ours, theirs = Pipe(duplex=False)
    meter = Meter(frames_per_minute=4, minutes=3)
    for message in (("reading", 1, 0.5, 7, 0), ("reading", 2, 0.75, 2**50, 5), None, ("reading", 3, 9.0, 7, 0)):
        theirs.send(message)
    follow(ours, psutil.Process(), meter)
    assert meter.minutes() == [Minute("reading", 1, 2**50, 0.25, 5)]
    theirs.send("The disk is full.")
    with pytest.raises(EnduranceError, match=r"^The disk is full\.$"):
        follow(ours, psutil.Process(), meter)


def test_growing_memory_is_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(tmp_path / "clip.mp4", 5)
    for peak, code in ((110, 0), (111, 1)):
        found = [Minute("reading", minute, rss, 0.1) for minute, rss in ((1, 50), (2, 100), (3, peak))]
        monkeypatch.setattr("training.endurance.endure", lambda *_, found=found: found)
        assert main([str(tmp_path / "clip.mp4"), "--minutes", "3"]) == code


def test_a_failed_run_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise EnduranceError("The run broke off with exit code -9 (negative: killed).")

    monkeypatch.setattr("training.endurance.watch", fail)
    write_video(tmp_path / "clip.mp4", 30, rate=1)
    assert main([str(tmp_path / "clip.mp4"), "--minutes", "3", "--output", str(tmp_path / "long")]) == 2
    assert capsys.readouterr().err.endswith("The run broke off with exit code -9 (negative: killed).\n")
    assert not (tmp_path / "long").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.mp4"], "none.mp4 does not exist."),
        (["clip.mp4", "--minutes", "2"], "--minutes is 2, expected more than 2"),
        (["clip.mp4", "--set", "windows.strid=2"], "unknown key 'windows.strid'"),
        (["clip.mp4", "--output", "taken"], "taken cannot be made (file exists); name a new folder with --output."),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "clip.mp4", 30, rate=1)
    (tmp_path / "taken").mkdir()
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error
