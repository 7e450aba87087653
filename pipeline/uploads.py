"""Frames on the device: each is uploaded once, and the detector and the crops work on that copy."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from pipeline.clock import StageClock
from pipeline.types import Frame, UInt8Image


def upload(groups: Iterable[list[Frame]], device: torch.device, clock: StageClock) -> Iterator[list[Frame]]:
    """The same groups of frames, the last frame of each also on the device.

    On CUDA uploads have a stream of their own and two pinned buffers, so that one frame is on its way while the next is
    copied into the other buffer and the device computes.

    Args:
        groups: As `pipeline.following.in_groups` makes them; only the last frame of each is looked at.
        device: Where the networks run.
        clock: Counts the seconds of the stage `upload`.
    """
    uploader, begun = Uploader(device), deque[tuple[list[Frame], Tensor]]()
    for group in groups:
        with clock.stage("upload"):
            begun.append((group, uploader.begin(group[-1].bgr)))
            ready = [_finished(uploader, *begun.popleft())] if len(begun) > 1 else []
        yield from ready
    while begun:
        with clock.stage("upload"):
            last = _finished(uploader, *begun.popleft())
        yield last


def _finished(uploader: "Uploader", group: list[Frame], pixels: Tensor) -> list[Frame]:
    uploader.finish()
    return [*group[:-1], replace(group[-1], on_device=pixels)]


class Uploader:
    """Brings pictures to a device; for one thread at a time.

    Args:
        device: Where they go; on a CPU nothing is copied.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = _new_stream(device) if device.type == "cuda" else None
        self._on_their_way = deque[torch.cuda.Event]()

    def begin(self, bgr: UInt8Image) -> Tensor:
        """Begin to upload a picture, uint8 (H, W, 3); it is there once `finish` was called as often."""
        pixels = torch.from_numpy(bgr)
        if self._stream is None:
            return pixels
        pinned = pixels.pin_memory()  # from a pool: PyTorch gives a buffer out again when its upload is over
        with torch.cuda.stream(self._stream):
            uploaded = pinned.to(self._device, non_blocking=True)
            event = self._stream.record_event()
        # Its memory belongs to the upload's stream and is read on the usual one, which must be done with it before
        # another upload gets it.
        uploaded.record_stream(torch.cuda.default_stream(self._device))
        self._on_their_way.append(event)
        return uploaded

    def finish(self) -> None:
        """Wait for the upload that was begun first of those not yet waited for."""
        if self._on_their_way:
            self._on_their_way.popleft().synchronize()


def _new_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch leaves it untyped
