"""Where the time of a run goes."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class StageClock:
    """Adds up the time spent in each stage; stages may run in threads, each stage in one at a time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        """Wall-clock seconds by stage, in the order the stages first ran."""
        self.cpu_seconds: dict[str, float] = {}
        """Processor seconds of the thread that ran the stage; helpers that it had are not in it."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block."""
        start, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
            self.cpu_seconds[name] = self.cpu_seconds.get(name, 0.0) + time.thread_time() - cpu

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Pass items on, counting the time it takes to get each."""
        iterator = iter(items)
        end = object()
        while True:
            with self.stage(name):
                item = next(iterator, end)
            if item is end:
                return
            yield item  # type: ignore[misc]  # `end` never gets here
