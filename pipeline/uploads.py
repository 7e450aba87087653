"""Frames on the device: each is uploaded once, and the detector and the crops work on that copy."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.clock import StageClock
from pipeline.types import Frame


class _Upload(NamedTuple):
    group: list[Frame]
    pixels: Tensor
    over: torch.cuda.Event | None

    def finish(self) -> list[Frame]:
        if self.over is not None:
            self.over.synchronize()
        return [*self.group[:-1], replace(self.group[-1], on_device=self.pixels)]


def upload(groups: Iterable[list[Frame]], device: torch.device, clock: StageClock) -> Iterator[list[Frame]]:
    """The same groups of frames, the last frame of each also on the device.

    On CUDA uploads have a stream of their own: one frame is on its way from pinned memory while the next is copied into
    another pinned buffer and the device computes. On a CPU nothing is copied.

    Args:
        groups: As `pipeline.tracking.following.in_groups` makes them.
        device: Where the networks run.
        clock: Counts the seconds of the stage `upload`.
    """
    stream = _new_stream(device) if device.type == "cuda" else None
    begun = deque[_Upload]()
    for group in groups:
        with clock.stage("upload"):
            begun.append(_begin(group, device, stream))
            ready = begun.popleft().finish() if len(begun) > 1 else None
        if ready is not None:
            yield ready
    for last in begun:
        yield last.finish()


def _begin(group: list[Frame], device: torch.device, stream: torch.cuda.Stream | None) -> _Upload:
    pixels = torch.from_numpy(group[-1].bgr)
    if stream is None:
        return _Upload(group, pixels, None)
    pinned = pixels.pin_memory()  # from a pool: PyTorch gives a buffer out again when its upload is over
    with torch.cuda.stream(stream):
        uploaded = pinned.to(device, non_blocking=True)
        over = stream.record_event()
    # Its memory belongs to the upload's stream and is read on the usual one, which must be done with it before another
    # upload gets it.
    uploaded.record_stream(torch.cuda.default_stream(device))
    return _Upload(group, uploaded, over)


def _new_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch leaves it untyped
