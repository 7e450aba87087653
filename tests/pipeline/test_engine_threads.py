"""Runs in threads: the same results, a bounded number of frames, errors carried, nothing left behind."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from running import ANY_NUMBER, CPU, ListedSource, Run
from scenes import street_pictures

import pipeline
from pipeline.config import load
from pipeline.detection.detector import DetectorSettings, PlayerDetector
from pipeline.engine import process
from pipeline.media.video import VideoError, open_source
from pipeline.passes import ProgressUpdate
from pipeline.settings import Settings
from pipeline.types import Frame
from pipeline.workers import EngineSettings
from recognizer.reader import JerseyReader


@pytest.mark.parametrize(
    ("threads", "most_alive"),
    [
        pytest.param(1, 2, id="one on its way, one being decoded"),
        pytest.param(2, 12, id="queues of two behind each of three stages, three being detected, one in each other"),
    ],
)
def test_frames_are_let_go_as_they_pass(
    threads: int, most_alive: int, street: Path, quick: list[str], tmp_path: Path
) -> None:
    source = ListedSource(open_source(street), street_pictures())
    settings = load(Settings, None, [*quick, "detector.batch_size=2", "detector.image_size=160"])
    settings = replace(settings, engine=EngineSettings(threads, queue=2))
    process(source, settings, CPU, tmp_path)
    assert source.most_alive <= most_alive


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_result_does_not_depend_on_threads(
    threads: int, run: Run, street: Path, quick: list[str], tmp_path: Path
) -> None:
    settings = load(Settings, None, [*quick, *ANY_NUMBER, f"engine.threads={threads}", "engine.queue=1"])
    process(open_source(street), settings, CPU, tmp_path)
    for name in ("tracks.mot.txt", "tracks.csv", "reads.jsonl"):
        assert (tmp_path / name).read_text() == (run.folder / name).read_text()
    pictures = zip(
        open_source(tmp_path / "annotated.mp4").frames(),
        open_source(run.folder / "annotated.mp4").frames(),
        strict=True,
    )
    off = [np.abs(ours.bgr.astype(int) - theirs.bgr).mean() for ours, theirs in pictures]
    assert max(off) < 3, (
        "the same pictures but for coding noise: x264 steers its quality by the frames that its threads have done"
    )
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["device"].endswith(f", {threads} core{'s' if threads > 1 else ''})")
    filled = record["seconds"]["queue_fill"]
    assert set(filled) == ({"decode", "detect", "track", "redecode", "draw"} if threads > 1 else set())
    assert all(0 <= share <= 1 for share in filled.values())


COUNTING = """
import contextlib, os, sys
import pipeline.run, pipeline.running

@contextlib.contextmanager
def counting(quiet):
    yield lambda update: most.update({update.phase: len(os.listdir("/proc/self/task"))})

most, pipeline.running.progress_bar = {}, counting
assert pipeline.run.main(sys.argv[1:]) == 0
print(most["reading"], most["drawing"])
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs a system that lists a process's threads")
def test_a_run_of_one_thread_has_no_other(brief: Path, options: list[str], at_home: Path) -> None:
    command = [sys.executable, "-c", COUNTING, str(brief), "-o", "out", "-q", *options, "--set", "engine.threads=1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(pipeline.__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["1", "1"], "")


def share_of_same_boxes(ours: Path, theirs: Path) -> float:
    """Boxes of a run that another has too, to two pixels; where a person is half hidden a level of a pixel decides."""
    a, b = (np.loadtxt(folder / "tracks.mot.txt", delimiter=",", ndmin=2)[:, :6] for folder in (ours, theirs))
    assert np.array_equal(a[:, :2], b[:, :2])
    return float((np.abs(a - b).max(axis=1) <= 2.0).mean())


@pytest.mark.parametrize("threads", [1, 3])
def test_uploaded_frames_give_the_same_run(
    threads: int, street: Path, quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run on CUDA does, on a CPU: letterboxing, cutting and preprocessing with PyTorch."""
    # Nobody in the street is found with a confidence near these.
    steady = [*quick, *ANY_NUMBER, "tracker.high_threshold=0.25", "tracker.new_threshold=0.25"]
    (tmp_path / "usual").mkdir()
    usual = process(open_source(street), load(Settings, None, steady), CPU, tmp_path / "usual")
    run = Run(tmp_path / "usual", usual, [])
    detectors, looks = list[PlayerDetector](), list[int]()

    class Uploading(PlayerDetector):
        def __init__(self, settings: DetectorSettings, device: torch.device) -> None:
            super().__init__(settings, device)
            self.wants_uploads = True
            detectors.append(self)

    def encode_regions(reader: JerseyReader, regions: Sequence[torch.Tensor]) -> torch.Tensor:
        looks.append(len(regions))
        return encoded(reader, regions)

    encoded = JerseyReader.encode_regions
    monkeypatch.setattr("pipeline.engine.PlayerDetector", Uploading)
    monkeypatch.setattr(JerseyReader, "encode_regions", encode_regions)
    settings = load(Settings, None, [*steady, f"engine.threads={threads}", "engine.queue=1"])
    process(open_source(street), settings, CPU, tmp_path)
    assert share_of_same_boxes(tmp_path, run.folder) > 0.9
    reads = [json.loads(line) for line in (tmp_path / "reads.jsonl").read_text().splitlines()]
    assert len(detectors) == 1
    assert sum(looks) > 0
    assert [read["track_id"] for read in reads] == [read["track_id"] for read in run.reads]
    alike = [pair for pair in zip(reads, run.reads, strict=True) if pair[0]["frames"] == pair[1]["frames"]]
    assert len(alike) > len(reads) / 2
    for here, there in alike:
        np.testing.assert_allclose(np.exp(here["units"]), np.exp(there["units"]), atol=0.05)
    seconds = json.loads((tmp_path / "run.json").read_text())["seconds"]
    assert "upload" in seconds["stages"]
    assert ("upload" in seconds["queue_fill"]) == (threads > 1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_run_on_cuda_finds_what_a_run_on_the_cpu_finds(
    run: Run, street: Path, quick: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load(Settings, None, [*quick, *ANY_NUMBER, "engine.threads=4"])
    process(open_source(street), settings, torch.device("cuda"), tmp_path)
    assert share_of_same_boxes(tmp_path, run.folder) > 0.9
    assert not [record for record in caplog.records if record.name == "recognizer.cuda_graphs"]


class BrokenSource(ListedSource):
    """Breaks after some frames."""

    def frames(self) -> Iterator[Frame]:
        yield from super().frames()
        raise VideoError("the disk went away")


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_while_decoding_reaches_the_caller_and_leaves_no_thread(
    threads: int, street: Path, quick: list[str], tmp_path: Path
) -> None:
    before, torch_threads = threading.active_count(), torch.get_num_threads()
    source = BrokenSource(open_source(street), street_pictures(6))
    settings = load(Settings, None, [*quick, f"engine.threads={threads}"])
    with pytest.raises(VideoError, match="the disk went away") as caught:
        process(source, settings, CPU, tmp_path)
    assert "frames" in [entry.name for entry in caught.traceback]
    assert (threading.active_count(), torch.get_num_threads()) == (before, torch_threads)


@pytest.mark.parametrize("phase", ["reading", "drawing"])
def test_an_interrupted_run_leaves_no_thread(phase: str, street: Path, quick: list[str], tmp_path: Path) -> None:
    before = threading.active_count()

    def interrupt(update: ProgressUpdate) -> None:
        if update.phase == phase and update.frames == 3:
            raise KeyboardInterrupt

    settings = load(Settings, None, [*quick, "engine.threads=3"])
    with pytest.raises(KeyboardInterrupt):
        process(open_source(street), settings, CPU, tmp_path, interrupt)
    assert threading.active_count() == before
    assert not (tmp_path / "annotated.mp4").exists()
