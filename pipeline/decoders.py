"""Which decoder reads a video file: FFmpeg's own, or a graphics card's where that is asked for and works."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer

from recognizer.errors import InputError

logger = logging.getLogger(__name__)

DecoderKind = Literal["software", "auto", "hardware"]

_DEVICE: Final = "cuda"
"""FFmpeg's name of NVIDIA's decoders; cards for data centres have them too."""


class DecoderError(InputError):
    """A hardware decoder was asked for, and none takes the file here."""


def choose_decoder(
    kind: DecoderKind, path: Path, on_cuda: bool, opened: Callable[[HWAccel], InputContainer]
) -> HWAccel | None:
    """Choose the decoder of a file.

    Args:
        kind: `software`; `hardware`; or `auto`, hardware where the run computes on CUDA and the decoder takes the file.
        path: the file.
        on_cuda: whether the run computes on CUDA.
        opened: opens it with a decoder.

    Returns:
        What `av.open` takes; None for FFmpeg's own decoders.

    Raises:
        DecoderError: `hardware` was asked for, and no such decoder takes the file here.
    """
    if kind == "software" or (kind == "auto" and not on_cuda):
        return None
    hardware = HWAccel(_DEVICE, allow_software_fallback=True)
    if _takes(hardware, opened):
        return hardware
    if kind == "hardware":
        raise DecoderError(
            f"engine.decoder is hardware, and no hardware decoder takes {path} here; allowed are software and auto."
        )
    logger.info("no hardware decoder takes %s here; it is decoded in software", path)
    return None


def _takes(hardware: HWAccel, opened: Callable[[HWAccel], InputContainer]) -> bool:
    """Whether a decoder gives a first picture; compiled in, it may lack its card or driver, or not know the codec."""
    try:
        with opened(hardware) as container:
            stream = container.streams.best("video")
            if stream is None or not stream.codec_context.is_hwaccel:
                return False
            return next(container.decode(stream), None) is not None
    except (av.FFmpegError, InputError, RuntimeError, NotImplementedError) as error:
        logger.debug("the hardware decoder does not work here: %s", error)
        return False
