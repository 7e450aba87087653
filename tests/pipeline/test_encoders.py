"""Which encoder writes the video."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from factories import numbered_pictures, write_video

from pipeline.encoders import HARDWARE, SOFTWARE, Encoder, EncoderError, choose_encoder, works
from pipeline.run import main
from pipeline.video import VideoInfo, open_source
from pipeline.video_writer import VideoWriter

SIZE = (320, 240)
needs_none = pytest.mark.skipif(any(works(one, SIZE) for one in HARDWARE), reason="a hardware encoder works here")


def test_libx264_works_and_what_is_not_there_does_not() -> None:
    assert works(SOFTWARE, SIZE)
    assert works(SOFTWARE, (321, 241))
    assert not works(Encoder("no_such_encoder"), SIZE)
    assert not works(replace(SOFTWARE, name="png"), SIZE)  # an encoder, but not of this pixel format


def test_without_cuda_no_hardware_is_looked_for() -> None:
    assert choose_encoder("auto", SIZE, on_cuda=False) == SOFTWARE
    assert choose_encoder("software", SIZE, on_cuda=True) == SOFTWARE


@needs_none
def test_auto_goes_on_in_software_where_the_card_has_no_encoder() -> None:
    assert choose_encoder("auto", SIZE, on_cuda=True) == SOFTWARE


@needs_none
def test_hardware_that_is_not_there_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_video(tmp_path / "match.mp4", 2)
    with pytest.raises(EncoderError, match=r"no hardware encoder .* works here for 320x240; allowed are software"):
        choose_encoder("hardware", SIZE, on_cuda=True)
    assert main([str(video), "-o", str(tmp_path / "out"), "--set", "engine.encoder=hardware", "-q"]) == 2
    assert "engine.encoder is hardware" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("encoder", [one for one in HARDWARE if works(one, SIZE)])
def test_hardware_writes_what_software_writes(encoder: Encoder, tmp_path: Path) -> None:
    info = VideoInfo(Path("match.mp4"), "match", *SIZE, Fraction(25), None, False, time_base=Fraction(1, 12_800))
    with VideoWriter(tmp_path / "out.mp4", info, encoder=encoder) as writer:
        for index, picture in enumerate(numbered_pictures(30, SIZE)):
            writer.write(picture, Fraction(index, 25))
    assert len(list(open_source(tmp_path / "out.mp4").frames())) == 30
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
