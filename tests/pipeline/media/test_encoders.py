"""Which encoder writes the video."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from factories import numbered_pictures, write_images, write_video

from pipeline.media import encoders
from pipeline.media.encoders import HARDWARE, SOFTWARE, Encoder, EncoderError, choose_encoder, works
from pipeline.media.video import VideoInfo, open_source
from pipeline.media.video_writer import VideoWriter
from pipeline.run import main

SIZE = (320, 240)
needs_none = pytest.mark.skipif(any(works(one, SIZE) for one in HARDWARE), reason="a hardware encoder works here")


def test_libx264_works_and_what_is_not_there_does_not() -> None:
    assert works(SOFTWARE, SIZE)
    assert works(SOFTWARE, (321, 241))
    assert not works(Encoder("no_such_encoder"), SIZE)
    assert not works(replace(SOFTWARE, name="png"), SIZE)  # an encoder, but not of this pixel format


def test_without_cuda_no_hardware_is_looked_for() -> None:
    assert choose_encoder("auto", SIZE, None) == SOFTWARE
    assert choose_encoder("software", SIZE, 0) == SOFTWARE


def test_the_card_that_computes_encodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "works", lambda encoder, size: True)
    chosen = choose_encoder("auto", SIZE, 1)
    assert (chosen.name, chosen.options["gpu"], chosen.options["cq"]) == ("h264_nvenc", "1", "23")
    assert "gpu" not in choose_encoder("hardware", SIZE, None).options


def test_a_size_that_no_encoder_takes_is_refused_before_the_first_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    write_images(tmp_path / "wide", [np.zeros((16, 16_400, 3), np.uint8)])
    arguments = [str(tmp_path / "wide"), "-o", str(tmp_path / "out"), "-q", *options]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.engine.find", lambda *_: pytest.fail("the first pass began"))
        assert main(arguments) == 2
    said = "libx264 takes no pictures of 16400x16 here; give smaller pictures, or --no-video for the tables alone."
    assert capsys.readouterr().err.strip().endswith(said)
    assert not (tmp_path / "out").exists()
    assert main([*arguments, "--no-video"]) == 0


@needs_none
def test_auto_goes_on_in_software_where_the_card_has_no_encoder() -> None:
    assert choose_encoder("auto", SIZE, 0) == SOFTWARE


@needs_none
def test_hardware_that_is_not_there_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_video(tmp_path / "match.mp4", 2)
    with pytest.raises(EncoderError, match=r"no hardware encoder .* works here for 320x240; allowed are software"):
        choose_encoder("hardware", SIZE, 0)
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
