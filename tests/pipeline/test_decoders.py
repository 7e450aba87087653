"""Which decoder reads the video."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from factories import write_video

from pipeline.containers import open_container
from pipeline.decoders import DecoderError, choose_decoder
from pipeline.run import main
from pipeline.video import open_source

needs_none = pytest.mark.skipif(torch.cuda.is_available(), reason="a hardware decoder may work here")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "match.mp4", 12)


@pytest.fixture
def opened(video: Path) -> Callable[[HWAccel], InputContainer]:
    return partial(open_container, video)


def test_without_cuda_no_hardware_is_looked_for(video: Path) -> None:
    def opened(decoder: HWAccel) -> InputContainer:
        raise AssertionError("opened")

    assert choose_decoder("auto", video, False, opened) is None
    assert choose_decoder("software", video, True, opened) is None


@needs_none
def test_auto_goes_on_in_software_where_there_is_no_card(
    video: Path, opened: Callable[[HWAccel], InputContainer]
) -> None:
    assert choose_decoder("auto", video, True, opened) is None
    frames = zip(open_source(video, decoder="auto", on_cuda=True).frames(), open_source(video).frames(), strict=True)
    assert all(np.array_equal(ours.bgr, theirs.bgr) for ours, theirs in frames)


@needs_none
def test_hardware_that_is_not_there_is_one_sentence_and_leaves_nothing(
    video: Path, opened: Callable[[HWAccel], InputContainer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DecoderError, match=r"no hardware decoder takes .*match\.mp4 here; allowed are software"):
        choose_decoder("hardware", video, True, opened)
    assert main([str(video), "-o", str(tmp_path / "out"), "--set", "engine.decoder=hardware", "-q"]) == 2
    assert "engine.decoder is hardware" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_hardware_gives_the_pictures_of_software(video: Path, opened: Callable[[HWAccel], InputContainer]) -> None:
    if choose_decoder("auto", video, True, opened) is None:
        pytest.skip("no hardware decoder takes H.264 here")
    hard, soft = open_source(video, decoder="hardware", on_cuda=True), open_source(video)
    for ours, theirs in zip(hard.frames(), soft.frames(), strict=True):
        assert ours.time == theirs.time
        assert np.abs(ours.bgr.astype(int) - theirs.bgr).max() <= 3
    assert hard.frames_lost == 0
