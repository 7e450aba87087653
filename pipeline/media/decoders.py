"""Which decoder reads a video file: FFmpeg's own, or a graphics card's where that is asked for and works."""

import logging
from pathlib import Path
from typing import Final, Literal

import av
from av.codec.hwaccel import HWAccel

from pipeline.media.containers import open_container, video_stream
from recognizer.errors import InputError

logger = logging.getLogger(__name__)

DecoderKind = Literal["software", "auto", "hardware"]

_NVIDIA: Final = "cuda"
"""FFmpeg's name of NVIDIA's decoders; cards for data centres have them too."""


class DecoderError(InputError):
    """A hardware decoder was asked for, and none takes the file here."""


def choose_decoder(kind: DecoderKind, path: Path, card: int | None) -> HWAccel | None:
    """Choose the decoder of a file that FFmpeg can decode.

    Args:
        kind: `software`; `hardware`; or `auto`, hardware where the run computes on CUDA and the decoder takes the file.
        path: the file.
        card: place of the CUDA device that the run computes on; None for a CPU.

    Returns:
        What `open_container` takes; None for FFmpeg's own decoders.

    Raises:
        DecoderError: `hardware` was asked for, and no such decoder takes the file here.
    """
    if kind == "software" or (kind == "auto" and card is None):
        return None
    hardware = HWAccel(_NVIDIA, str(card or 0), allow_software_fallback=False)
    if _takes(hardware, path):
        return hardware
    if kind == "hardware":
        raise DecoderError(
            f"engine.decoder is hardware, and no hardware decoder takes {path} here; allowed are software and auto."
        )
    logger.info("no hardware decoder takes %s here; it is decoded in software", path)
    return None


def _takes(hardware: HWAccel, path: Path) -> bool:
    """Whether a decoder gives a first picture; compiled in, it may lack its card or driver, or not know the codec."""
    try:
        with open_container(path, hardware) as container:
            return next(container.decode(video_stream(container, path, hardware)), None) is not None
    except (av.FFmpegError, InputError, RuntimeError, NotImplementedError) as error:
        logger.debug("the hardware decoder does not work here: %s", error)
        return False
