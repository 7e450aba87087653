"""Video out: H.264 in MP4, at the source's own frame times, with its sound copied."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from pipeline.media.audio_copy import AudioCopy
from pipeline.media.encoders import SOFTWARE, Encoder
from pipeline.media.video_source import VideoError, VideoInfo
from pipeline.types import UInt8Image

_FALLBACK_TIME_BASE = Fraction(1, 90_000)
_MAX_TIME_SCALE = 10_000_000
"""Finest ticks per second to ask of MP4, which counts the distance of two frames in 32 bits."""
_KEY_FRAME_SECONDS = 2
"""Distance of key frames; a player can jump to each at once."""

_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
"""Without these the conversion rounds down and every picture comes out a shade darker."""


class VideoWriter:
    """Writes frames to an MP4 file that plays in a browser (H.264 High, 4:2:0, BT.709, index in front).

    A context manager: leaving it in order completes the file, leaving it on an exception removes the file. The first
    frame is shown at 0, every other as far behind it as their times say. An odd width or height, which 4:2:0 cannot
    hold, gets one more column at the right or row at the bottom, a copy of its neighbour.
    """

    def __init__(self, path: Path, info: VideoInfo, encoder: Encoder = SOFTWARE, threads: int = 0) -> None:
        """Create the file.

        Args:
            path: the file to write, overwritten if it exists. Its suffix does not matter.
            info: the video the frames come from: size, rate, time base, and the file and span of the sound.
            encoder: what compresses the pictures.
            threads: that compress them, each of which holds a picture; 0 leaves it to the encoder.

        Raises:
            VideoError: The file cannot be written, or the source's sound not be read.
        """
        self._path = path
        self._info = info
        self._threads = threads
        self._time_base = _time_base(info.time_base)
        self._reformatter = VideoReformatter()
        self._first: Fraction | None = None
        self._last: tuple[Fraction, int] | None = None
        self._audio: AudioCopy | None = None
        with self._explained():
            path.open("wb").close()
            self._output = av.open(f"file:{path}", "w", format="mp4", container_options={"movflags": "+faststart"})
        with self._removed_on_error(), self._explained():
            self._video = _add_video(self._output, info, self._time_base, encoder)
            self._video.codec_context.thread_count = threads
            self._video.codec_context.thread_type = "FRAME"  # x264's slices of one frame wait for each other
            if info.has_audio:
                self._audio = AudioCopy(info.path, self._output)
            self._output.start_encoding()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._discard()
            return
        with self._removed_on_error(), self._explained():
            self._finish()

    def write(self, bgr: UInt8Image, time: Fraction) -> None:
        """Append a frame.

        Args:
            bgr: uint8 (H, W, 3) of the size that `info` states.
            time: seconds, later than the frame before; kept exactly if a multiple of `info.time_base`.

        Raises:
            VideoError: It cannot be written, for instance because the disk is full.
            ValueError: The size is another, or the time not later.
        """
        height, width = bgr.shape[:2]
        if (width, height) != (self._info.width, self._info.height):
            raise ValueError(f"the frame is {width}x{height}, expected {self._info.width}x{self._info.height}")
        if self._last is not None and time <= self._last[0]:
            raise ValueError(f"the frame at {float(time)} s is not later than the one before, {float(self._last[0])} s")
        with self._explained():
            if self._first is None:
                self._first = time
                if self._audio is not None:
                    self._audio.begin(self._info.origin + time)
            earliest = 0 if self._last is None else self._last[1] + 1
            tick = max(earliest, round((time - self._first) / self._time_base))
            self._last = time, tick
            self._encode(self._picture(bgr, tick))

    def _picture(self, bgr: UInt8Image, tick: int) -> VideoFrame:
        height, width = bgr.shape[:2]
        if height % 2 or width % 2:
            bgr = np.pad(bgr, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = self._reformatter.reformat(
            VideoFrame.from_ndarray(bgr, format="bgr24"),
            format="yuv420p",
            interpolation=_EXACT,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=self._threads,
        )
        picture.pts, picture.time_base = tick, self._time_base
        picture.duration = max(1, round(1 / (self._info.frames_per_second * self._time_base)))  # counts for the last
        return picture

    def _encode(self, picture: VideoFrame | None) -> None:
        for packet in self._video.encode(picture):
            decoding_time = packet.dts
            self._output.mux_one(packet)
            if self._audio is not None and decoding_time is not None:
                self._audio.copy_until(decoding_time * self._time_base)

    def _finish(self) -> None:
        if self._first is None:
            raise VideoError(f"{self._path} is not written: there is no frame to put in it.")
        self._encode(None)
        if self._audio is not None:
            end = self._info.span.end
            self._audio.copy_until(None if end is None else end - self._first)
            self._audio.close()
        self._output.close()

    def _discard(self) -> None:
        self._remove()
        if self._audio is not None:
            self._audio.close()
        with suppress(av.FFmpegError, OSError):
            self._output.close()
        self._remove()  # not every system lets go of an open file

    def _remove(self) -> None:
        with suppress(OSError):
            if self._path.is_file():  # and no device
                self._path.unlink()

    @contextmanager
    def _removed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._discard()
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise VideoError(f"{self._path} cannot be written ({error.strerror or error}).") from error


def _add_video(output: OutputContainer, info: VideoInfo, time_base: Fraction, encoder: Encoder) -> VideoStream:
    stream = output.add_stream(
        encoder.name,
        info.frames_per_second,
        options=dict(encoder.options),
        time_base=time_base,
    )
    assert isinstance(stream, VideoStream)  # noqa: S101 - for the type checker: the encoders are of video
    stream.width, stream.height = info.width + info.width % 2, info.height + info.height % 2
    stream.pix_fmt = "yuv420p"
    # Without B-frames an MP4 states the length of unevenly spaced frames right and needs no edit list.
    stream.max_b_frames = 0
    stream.gop_size = max(1, round(_KEY_FRAME_SECONDS * info.frames_per_second))
    stream.color_range, stream.colorspace = ColorRange.MPEG, Colorspace.ITU709
    stream.color_primaries, stream.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    if info.pixel_aspect != 1:
        stream.sample_aspect_ratio = info.pixel_aspect
    return stream


def _time_base(source: Fraction) -> Fraction:
    """Ticks that can state each of the source's times exactly, if MP4 can count them."""
    return Fraction(1, source.denominator) if source.denominator <= _MAX_TIME_SCALE else _FALLBACK_TIME_BASE
