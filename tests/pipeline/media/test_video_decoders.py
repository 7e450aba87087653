"""Which decoder reads the video."""

from pathlib import Path

import numpy as np
import pytest
import torch
from factories import write_video

from pipeline.media import decoders
from pipeline.media.decoders import DecoderError, choose_decoder
from pipeline.media.video import open_source
from pipeline.run import main

MATCH = Path(__file__).parents[3] / "sample_videos" / "match.mp4"
needs_none = pytest.mark.skipif(torch.cuda.is_available(), reason="a hardware decoder may work here")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "match.mp4", 12)


def test_without_cuda_no_hardware_is_looked_for(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(decoders, "HWAccel")
    assert choose_decoder("auto", video, None) is None
    assert choose_decoder("software", video, 0) is None


@needs_none
def test_auto_goes_on_in_software_where_there_is_no_card(video: Path) -> None:
    assert choose_decoder("auto", video, 0) is None
    source = open_source(video, decoder="auto", card=0)
    assert source.info.decoder == "software"
    frames = zip(source.frames(), open_source(video).frames(), strict=True)
    assert all(np.array_equal(ours.bgr, theirs.bgr) for ours, theirs in frames)


@needs_none
def test_hardware_that_is_not_there_is_one_sentence_and_leaves_nothing(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DecoderError, match=r"no hardware decoder takes .*match\.mp4 here; allowed are software"):
        choose_decoder("hardware", video, 0)
    assert main([str(video), "-o", str(tmp_path / "out"), "--set", "engine.decoder=hardware", "-q"]) == 2
    assert "engine.decoder is hardware" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_hardware_gives_the_pictures_of_software() -> None:
    if choose_decoder("auto", MATCH, 0) is None:
        pytest.skip("no hardware decoder takes H.264 here")
    hard, soft = (open_source(MATCH, duration_seconds=2.0, decoder=kind, card=0) for kind in ("hardware", "software"))
    assert hard.info.decoder == "hardware"
    for ours, theirs in zip(hard.frames(), soft.frames(), strict=True):
        assert ours.time == theirs.time
        assert np.array_equal(ours.bgr, theirs.bgr)
    assert hard.frames_lost == 0
