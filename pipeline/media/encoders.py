"""Which H.264 encoder writes the video: a graphics card's where it has one that works, else libx264."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final, Literal

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from recognizer.errors import InputError

logger = logging.getLogger(__name__)

EncoderKind = Literal["auto", "software", "hardware"]


class EncoderError(InputError):
    """No encoder, or none of the kind asked for, works here."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder of FFmpeg."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    """Quality and speed, in the encoder's own words."""


SOFTWARE: Final = Encoder(
    "libx264",
    {"crf": "23", "preset": "ultrafast", "x264-params": "cabac=1:8x8dct=1:deblock=1,0:subme=1"},
)
"""As many bytes and as near to the drawn pictures as `superfast` at crf 21, for two thirds of its time
(`training/LOG.md`, 2026-11-28)."""
HARDWARE: Final = (Encoder("h264_nvenc", {"preset": "p4", "tune": "hq", "rc": "vbr", "cq": "23", "b": "0"}),)
"""NVIDIA's; cards for data centres such as the H100 and the H200 have none."""


def choose_encoder(kind: EncoderKind, size: tuple[int, int], card: int | None) -> Encoder:
    """Choose the encoder of a run.

    Args:
        kind: `software`; `hardware`; or `auto`, hardware where the run computes on CUDA and an encoder works there.
        size: width and height of the video, pixels.
        card: place of the CUDA device that the run computes on, whose encoder is used; None for a CPU.

    Raises:
        EncoderError: `hardware` was asked for, and no such encoder works here for this size; or none at all does.
    """
    if kind == "software" or (kind == "auto" and card is None):
        return _software(size)
    for encoder in HARDWARE:
        placed = encoder if card is None else replace(encoder, options={**encoder.options, "gpu": str(card)})
        if works(placed, size):
            return placed
    if kind == "hardware":
        names = ", ".join(encoder.name for encoder in HARDWARE)
        raise EncoderError(
            f"engine.encoder is hardware, and no hardware encoder ({names}) works here for {size[0]}x{size[1]}; "
            "allowed are software and auto."
        )
    logger.info("no hardware encoder works here; the video is written by %s", SOFTWARE.name)
    return _software(size)


def _software(size: tuple[int, int]) -> Encoder:
    if not works(SOFTWARE, size):
        raise EncoderError(
            f"The annotated video cannot be written: {SOFTWARE.name} takes no pictures of {size[0]}x{size[1]} here; "
            "give smaller pictures, or --no-video for the tables alone."
        )
    return SOFTWARE


def works(encoder: Encoder, size: tuple[int, int]) -> bool:
    """Whether an encoder writes a black picture of a size; compiled in, it may still lack its card or driver."""
    width, height = size[0] + size[0] % 2, size[1] + size[1] % 2
    try:
        context = av.CodecContext.create(encoder.name, "w")
        assert isinstance(context, VideoCodecContext)  # noqa: S101 - for the type checker: it encodes video
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.thread_count = 1
        context.framerate, context.time_base, context.options = Fraction(25), Fraction(1, 25), dict(encoder.options)
        picture = VideoFrame(width, height, "yuv420p")
        return bool([*context.encode(picture), *context.encode(None)])
    except (av.FFmpegError, ValueError) as error:  # unknown encoder, no card, no driver, a size it refuses
        logger.debug("%s does not work here: %s", encoder.name, error)
        return False
