"""How many threads a run uses, and the queues between them; the one place that decides it.

Stages run side by side, each in a thread of its own with a bounded queue before the next. The networks' own threads
are kept to one: of two pools of OpenMP threads that share cores, each spins while the other works. Where a network
runs on the processor, several frames are detected, and several parts of the crops read, at the same time instead.
Decoders, encoders and the conversion of colours take as many threads as the run may use cores, up to 16; left to
themselves, they take all cores.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar

import cv2
import torch

from pipeline.media.decoders import DecoderKind
from pipeline.media.encoders import EncoderKind
from recognizer.checks import require_range

T = TypeVar("T")
R = TypeVar("R")

_MOST_STAGES: Final = 8
"""Threads that may wait for one another in one run."""
_MOST_CODING_THREADS: Final = 16
"""As FFmpeg takes by itself on a machine of many cores."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the machine is used; results stay the same, but for damaged files, the card's decoder and coding noise."""

    threads: int = 0
    """Cores to use, 0 to 1024: 0 means all that this process may run on, 1 runs one stage after another."""
    queue: int = 4
    """Frames a stage may be ahead of the next, 1 to 256; on CUDA they wait in the card's memory."""
    encoder: EncoderKind = "auto"
    """What compresses the annotated video: software (libx264); hardware (NVIDIA's encoder); or auto, hardware where the
    run computes on CUDA and the card has an encoder."""

    decoder: DecoderKind = "software"
    """What decodes a video file: software (FFmpeg), which notices damage within pictures; hardware (NVIDIA's decoder,
    not for AV1), which does not, so that patched-up pictures count as whole; or auto, hardware where the run computes
    on CUDA and the decoder takes the file."""

    def __post_init__(self) -> None:
        require_range("threads", self.threads, 0, 1024)
        require_range("queue", self.queue, 1, 256)

    @property
    def coding_threads(self) -> int:
        """Threads that a decoder may take, each of which holds a picture; 0 leaves it to FFmpeg."""
        return min(self.threads, _MOST_CODING_THREADS)


class Spread(Protocol):
    """Begins the same work on each item, on so many at a time at the most.

    Gives the items in their order, each with what waits for its result, or does the work, when it is called.
    """

    def __call__(  # noqa: D102
        self, work: Callable[[T], R], items: Iterable[T], most: int, /
    ) -> Iterator[tuple[T, Callable[[], R]]]: ...


def in_turn(work: Callable[[T], R], items: Iterable[T], most: int = 1, /) -> Iterator[tuple[T, Callable[[], R]]]:
    """Each item with its work, which is done when it is asked for."""
    for item in items:
        yield item, partial(work, item)


def in_parts(
    spread: Spread, work: Callable[[list[T]], R], items: Sequence[T], size: int
) -> Iterator[tuple[list[T], R]]:
    """Do the same work on parts of some items, on several parts at a time.

    Args:
        spread: Begins the work.
        work: What is done on each part.
        items: What is parted.
        size: Items in a part, at least 1; the last one may have fewer.

    Yields:
        Each part with its result, in order.
    """
    parts = [list(items[start : start + size]) for start in range(0, len(items), size)]
    for part, result in spread(work, parts, len(parts)):
        yield part, result()


def cores() -> int:
    """Processor cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """The threads of one run. A context manager: leaving it, in order or not, stops and joins them all.

    While it is open, torch computes with one thread and OpenCV with a quarter of the cores, at least one.

    Args:
        settings: How many cores, how long the queues.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self.count = settings.threads or cores()
        """Cores the run uses."""
        self.coding_threads = min(self.count, _MOST_CODING_THREADS)
        """Threads of the encoder, each of which holds a picture."""
        self._depth = settings.queue
        self._channels: dict[str, _Channel[object]] = {}
        self._stages = ThreadPoolExecutor(_MOST_STAGES, "stage")
        self._helpers = ThreadPoolExecutor(self.count, "helper")
        self._threads_before = torch.get_num_threads(), cv2.getNumThreads()

    def __enter__(self) -> Self:
        self._threads_before = torch.get_num_threads(), cv2.getNumThreads()
        torch.set_num_threads(1)
        cv2.setNumThreads(max(1, self.count // 4))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for channel in self._channels.values():
            channel.stop()
        self._stages.shutdown()
        self._helpers.shutdown(cancel_futures=True)
        torch.set_num_threads(self._threads_before[0])
        cv2.setNumThreads(self._threads_before[1])

    @property
    def fill(self) -> dict[str, float]:
        """By the stage that fills it, how full a queue was on average when something was taken from it, 0 to 1.

        A full queue waits for the stage behind it, an empty one for the stage before.
        """
        return {name: channel.mean_fill for name, channel in self._channels.items()}

    def ahead(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """The same items in the same order, made in a thread that runs ahead; an error comes out where it arose.

        Args:
            name: Of the stage that makes them.
            items: Consumed in the other thread; a generator is closed there when the run ends early.
        """
        if self.count == 1:
            return iter(items)
        channel: _Channel[T] = _Channel(self._depth)
        self._channels[name] = channel  # type: ignore[assignment]  # only stopped and measured here
        return _drain(channel, self._stages.submit(_fill, channel, iter(items)))

    def spread(self, work: Callable[[T], R], items: Iterable[T], most: int) -> Iterator[tuple[T, Callable[[], R]]]:
        """Do the same work on each item, on as many at a time as there are cores; one more waits for the next core.

        Args:
            work: What is done.
            items: What it is done on, taken as room is made.
            most: Items at a time, if there are more cores.

        Yields:
            The items in their order, each with what waits for its result and raises what the work raised.
        """
        if self.count == 1:
            yield from in_turn(work, items)
            return
        room = min(most, self.count + 1)
        begun: deque[tuple[T, Callable[[], R]]] = deque()
        try:
            for item in items:
                begun.append((item, self._helpers.submit(work, item).result))
                if len(begun) == room:
                    yield begun.popleft()
        except Exception:
            while begun:  # what came before the error comes first
                yield begun.popleft()
            raise
        while begun:
            yield begun.popleft()


class _Channel(Generic[T]):
    """A bounded queue from one thread to another that either side can end."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._held: deque[T] = deque()
        self._ended = self._stopped = False
        self._changed = threading.Condition()
        self._takes = self._seen = 0

    @property
    def mean_fill(self) -> float:
        """Mean share of the places taken, at the times something was taken."""
        return self._seen / max(1, self._takes) / self._depth

    def put(self, item: T) -> bool:
        """Wait for a place and take it; False when nothing is wanted any more."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._held) < self._depth or self._stopped)
            if self._stopped:
                return False
            self._held.append(item)
            self._changed.notify_all()
            return True

    def end(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing more is wanted, and what waits is dropped."""
        with self._changed:
            self._stopped = self._ended = True
            self._held.clear()
            self._changed.notify_all()

    def take(self) -> list[T]:
        """Wait for the next item; it comes alone in a list, which is empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._held or self._ended)
            if not self._held:
                return []
            self._takes, self._seen = self._takes + 1, self._seen + len(self._held)
            item = self._held.popleft()
            self._changed.notify_all()
            return [item]


def _fill(channel: _Channel[T], items: Iterator[T]) -> None:
    """A stage's thread."""
    try:
        while channel.put(next(items)):
            pass
    except StopIteration:
        return
    finally:
        channel.end()
        close = getattr(items, "close", None)
        if close is not None:
            close()


def _drain(channel: _Channel[T], thread: "Future[None]") -> Iterator[T]:
    while taken := channel.take():
        yield taken.pop()
    thread.result()  # raises what the thread raised
