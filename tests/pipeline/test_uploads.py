"""Uploading frames: each once, in order, whatever happens before and behind."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
import torch

from pipeline.clock import StageClock
from pipeline.media.video import VideoError
from pipeline.tracking.following import in_groups
from pipeline.types import Frame
from pipeline.uploads import upload

CPU = torch.device("cpu")


def frames(count: int, size: tuple[int, int] = (12, 16)) -> Iterator[Frame]:
    random = np.random.default_rng(0)
    for index in range(count):
        yield Frame(index, Fraction(index, 25), random.integers(0, 256, (*size, 3), np.uint8))


@pytest.mark.parametrize("count", [0, 1, 2, 8])
@pytest.mark.parametrize("every", [1, 3])
def test_the_last_frame_of_each_group_is_uploaded(count: int, every: int) -> None:
    clock = StageClock()
    expected = [[frame.index for frame in group] for group in in_groups(frames(count), every)]
    uploaded = list(upload(in_groups(frames(count), every), CPU, clock))
    assert [[frame.index for frame in group] for group in uploaded] == expected
    for group in uploaded:
        assert [frame.on_device is not None for frame in group] == [False] * (len(group) - 1) + [True]
        assert group[-1].on_device is not None
        assert np.array_equal(group[-1].on_device.numpy(), group[-1].bgr)
    assert ("upload" in clock.seconds) == (count > 0)


def test_an_error_before_it_passes_through() -> None:
    def broken() -> Iterator[Frame]:
        yield from frames(3)
        raise VideoError("the disk went away")

    with pytest.raises(VideoError, match="the disk went away"):
        list(upload(in_groups(broken(), 1), CPU, StageClock()))


def test_ending_early_lets_go_of_the_frames_before_it() -> None:
    closed = []

    def watched() -> Iterator[list[Frame]]:
        try:
            yield from in_groups(frames(9), 1)
        finally:
            closed.append(True)

    uploaded = upload(watched(), CPU, StageClock())
    assert next(uploaded)[-1].index == 0
    del uploaded
    assert closed == [True]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_pictures_stay_whole_while_the_card_is_busy_and_memory_is_used_again() -> None:
    device, random = torch.device("cuda", 0), np.random.default_rng(1)
    busy = torch.rand(2048, 2048, device=device)
    kept: list[Frame] = []
    for group in upload(in_groups(frames(120, (1080, 1920)), 1), device, StageClock()):
        busy = busy @ busy / busy.norm()
        kept.append(group[-1])
        if len(kept) > random.integers(0, 4):
            frame = kept.pop(0)
            assert frame.on_device is not None
            assert torch.equal(frame.on_device.cpu(), torch.from_numpy(frame.bgr))
