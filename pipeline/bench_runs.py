"""One run of the benchmark, in a process of its own: what it took in time, processor time and memory."""

import multiprocessing
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch

from pipeline.clock import StageClock
from pipeline.config import load
from pipeline.detection.detector import PlayerDetector
from pipeline.engine import process
from pipeline.media.video import open_source
from pipeline.naive import run_naive
from pipeline.settings import Settings
from pipeline.tracking.following import detect, in_groups
from pipeline.uploads import upload
from pipeline.workers import Workers
from recognizer.device import card_of, resolve_device
from recognizer.errors import InputError

_WARM_UP_SECONDS: Final = 0.2
"""Length of the run before the one that is measured: it pays for imports and first calls."""
_UNCOUNTED: Final = ("load", "hash")
"""Stages that cost the same however long the video is."""
_STATUS: Final = Path("/proc/self/status")

Script = Literal["naive", "detector", "product"]
"""`detector` decodes and detects as the product does, threads and all, and does nothing else."""


class BenchError(InputError):
    """A run that cannot be measured."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to run; plain values, so that it can be handed to another process."""

    script: Script
    video: Path
    overrides: tuple[str, ...]
    """Settings of the product, `key=value`."""
    seconds: float | None
    """How much of the video to take; None takes all."""
    device: str
    drawn: bool
    """Whether the annotated video is written."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took, without loading networks and hashing files."""

    frames: int
    seconds: float
    """Wall-clock time."""
    cpu_seconds: float
    """Processor time of all threads."""
    peak_bytes: int
    """Highest resident memory of the process."""
    peak_cuda_bytes: int
    """Most memory the process held on its CUDA device; 0 on a CPU."""
    stages: dict[str, float]
    """Wall-clock seconds by stage."""
    reads: int
    """Windows read."""
    numbers: int
    """Tracks with a number."""

    @property
    def compared_seconds(self) -> float:
        """Processor time; on CUDA, where a processor that waits is busy, wall-clock time."""
        return self.seconds if self.peak_cuda_bytes else self.cpu_seconds


def measure_apart(job: Job) -> Cost:
    """Measure a job in a fresh process.

    Raises:
        InputError: Its input or settings cannot be used, or the process died.
    """
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, context) as apart:
            return apart.submit(measure, job).result()
    except BrokenProcessPool as error:
        raise BenchError(f"The run '{job.script}' was killed; try --duration 2 or a smaller --image-size.") from error


def measure(job: Job) -> Cost:
    """Run a job twice in this process, briefly and then whole, and say what the second run took."""
    with tempfile.TemporaryDirectory() as scratch:
        warm, folder = Path(scratch, "warm"), Path(scratch, "run")
        warm.mkdir()
        folder.mkdir()
        _run(job, min(_WARM_UP_SECONDS, job.seconds or _WARM_UP_SECONDS), warm, StageClock())
        clock = StageClock()
        wall, cpu = time.perf_counter(), time.process_time()
        frames, reads, numbers = _run(job, job.seconds, folder, clock)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    once = sum(clock.seconds.get(stage, 0.0) for stage in _UNCOUNTED)
    once_cpu = sum(clock.cpu_seconds.get(stage, 0.0) for stage in _UNCOUNTED)
    stages = {name: seconds for name, seconds in clock.seconds.items() if name not in _UNCOUNTED}
    device = resolve_device(job.device)
    on_card = torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0
    return Cost(frames, wall - once, cpu - once_cpu, peak_memory(), on_card, stages, reads, numbers)


def _run(job: Job, seconds: float | None, folder: Path, clock: StageClock) -> tuple[int, int, int]:
    """Frames, windows read, and tracks with a number."""
    settings, device = load(Settings, None, job.overrides), resolve_device(job.device)
    if job.script == "naive":
        naive = run_naive(job.video, settings, device, folder / "naive.mp4", seconds, clock)
        return naive.frames, naive.reads, len(naive.numbers)
    engine, card = settings.engine, card_of(device)
    source = open_source(job.video, 0.0, seconds, engine.decoder, card, engine.coding_threads)
    if job.script == "detector":
        with Workers(engine) as workers:
            with clock.stage("load"):
                detector = PlayerDetector(settings.detector, device)
            groups = in_groups(workers.ahead("decode", clock.each("decode", source.frames())), 1)
            if detector.wants_uploads:
                groups = workers.ahead("upload", upload(groups, device, clock))
            return sum(1 for _ in detect(groups, detector, clock, workers.spread)), 0, 0
    summary = process(source, settings, device, folder, video=job.drawn, clock=clock)
    return summary.frames_decoded, summary.reads, sum(row.identity.number is not None for row in summary.rows)


def peak_memory() -> int:
    """Highest resident memory of this process so far, bytes.

    On Linux from /proc: what `getrusage` says there includes the process that started this one.
    """
    if _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text("ascii").splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
