"""Frames of a video file, decoded with FFmpeg."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.media.containers import (
    PacketReader,
    nominal_ticks,
    open_container,
    starts_anew,
    stated_seconds,
    usual_rate,
    video_stream,
)
from pipeline.media.decoders import DecoderKind, choose_decoder
from pipeline.media.frame_clock import BACKWARD_JUMP, FrameClock
from pipeline.media.losses import Losses
from pipeline.media.upright import Orientation, UprightBgr
from pipeline.media.video_source import ASSUMED_RATE, TimeSpan, VideoError, VideoInfo
from pipeline.types import Frame

logger = logging.getLogger(__name__)

_PROBED = 32
"""Pictures that tell in what order timestamps are."""
_SEEK_MARGIN = 1
"""Seconds to seek before the start: seeking goes by decoding time, which runs ahead of presentation."""


class VideoFile:
    """A video in a file. Its first frame is decoded when it is opened, so that it is known to work.

    Rotation metadata is honoured. Interlaced pictures stay as they are, combing and all; non-square pixels stay as
    stored. Frames that the decoder says it had to patch up are not handed out but counted as lost.
    """

    def __init__(
        self,
        path: Path,
        span: TimeSpan,
        decoder: DecoderKind = "software",
        card: int | None = None,
        threads: int = 0,
    ) -> None:
        """Open a file.

        Args:
            path: the file.
            span: the part to read.
            decoder: what decodes it; see `pipeline.media.decoders`.
            card: place of the CUDA device that the run computes on; None for a CPU.
            threads: that decode; 0 takes one for each core.

        Raises:
            VideoError: It cannot be read, or holds no frame in the span.
            DecoderError: A hardware decoder was asked for, and none takes the file.
        """
        self._path = path
        self._threads = threads
        self._frames_lost = 0
        self._truncated = False
        self._refused: set[int] | None = None
        with open_container(path) as container:
            stream = video_stream(container, path, threads=threads)
            first = _first_picture(container, stream)
            if first is None or not stream.time_base:
                raise VideoError(f"No picture of {path} can be decoded; the file is damaged.")
            self._time_base = stream.time_base
            self._origin = first.pts or 0
            self._by_decoding = self._stamped_by_decoding()
            self._first_mark = (first.dts or 0) if self._by_decoding else self._origin
            self._stored_size = first.width, first.height
            self._orientation = Orientation.of(first)
            stated = stated_seconds(container, stream)
            self._info = self._describe(container, stream, span, stated)
        self._decoder = choose_decoder(decoder, path, card)
        if self._decoder is not None:
            self._info = replace(self._info, decoder="hardware")
        seeks = span.start > _SEEK_MARGIN
        joined = seeks and self._starts_anew()  # a moment on its clock may come twice: no seeking
        self._seek_to = self._seek_point() if seeks and not joined and not self._by_decoding else None
        if span.start and next(self.frames(), None) is None:
            length = f" (it is {stated:.1f} s long)" if stated and not joined else ""
            raise VideoError(f"{path} has no frame {span}{length}.")

    @property
    def info(self) -> VideoInfo:
        """What is known before decoding."""
        return self._info

    @property
    def frames_lost(self) -> int:
        """Frames damaged beyond use in the last complete pass, at least."""
        return self._frames_lost

    @property
    def truncated(self) -> bool:
        """Whether the file broke off before its end in the last complete pass."""
        return self._truncated

    def frames(self) -> Iterator[Frame]:
        """Decode the span, one frame at a time; see `VideoSource.frames`."""
        span, index, to_the_end = self._info.span, 0, True
        with open_container(self._path, self._decoder) as container:
            stream = video_stream(container, self._path, self._decoder, self._threads)
            if self._seek_to is not None:
                container.seek(self._seek_to, stream=stream)
            packets = PacketReader(container, container.streams)
            losses = Losses(stream.codec_context.name, nominal_ticks(stream), self._refused)
            clock = FrameClock(self._first_mark, nominal_ticks(stream), self._ticks(Fraction(BACKWARD_JUMP)))
            to_bgr = UprightBgr(self._stored_size, self._orientation, self._threads)
            for picture in _whole_pictures(stream, packets, losses):
                time = clock.tick(picture.dts if self._by_decoding else picture.pts) * self._time_base
                if span.end is not None and time >= span.end:
                    to_the_end = False
                    break
                if time < span.start:
                    continue
                try:
                    bgr = to_bgr(picture)
                except av.FFmpegError as error:
                    logger.debug("a picture cannot be converted: %s", error)
                    losses.refuse(picture)
                    continue
                yield Frame(index, time, bgr)
                index += 1
            first = self._origin + self._ticks(span.start) if span.start else None
            end = None if span.end is None else self._origin + self._ticks(span.end)
            passed_over = packets.passed_over(stream) if to_the_end and self._seek_to is None else 0
            if self._by_decoding and not to_the_end:
                losses.give_up_waiting()
            self._frames_lost = losses.count(first, end) + packets.errors + passed_over
            self._refused = losses.refused
            self._truncated = to_the_end and packets.breaks_off(stream)

    def _describe(
        self, container: InputContainer, stream: VideoStream, span: TimeSpan, stated: float | None
    ) -> VideoInfo:
        width, height = self._stored_size
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if self._orientation.transpose:
            width, height, aspect = height, width, 1 / aspect
        rate = usual_rate(stream)
        return VideoInfo(
            path=self._path,
            name=self._path.stem,
            width=width,
            height=height,
            frames_per_second=rate or ASSUMED_RATE,
            duration_seconds=span.seconds_of(stated),
            has_audio=bool(container.streams.audio),
            files=(self._path,),
            rate_assumed=rate is None,
            time_base=self._time_base,
            origin=self._origin * self._time_base,
            span=span,
            pixel_aspect=aspect,
        )

    def _ticks(self, seconds: Fraction) -> int:
        """Smallest number of ticks that lasts at least `seconds`."""
        return -int(-seconds // self._time_base)

    def _stamped_by_decoding(self) -> bool:
        """Whether timestamps count pictures in the order of decoding, as some writers of AVI, WMV and MXF have it.

        A picture's turn is then told by the packet that brought it out of the decoder.
        """
        with open_container(self._path) as container:
            stream = video_stream(container, self._path, threads=self._threads)
            if not stream.codec_context.has_b_frames:
                return False
            packets = islice(PacketReader(container, [stream]), _PROBED)
            stamps = [packet.pts for packet in packets if packet.pts is not None and packet.dts is not None]
        if any(later <= earlier for earlier, later in pairwise(stamps)):
            return False
        with open_container(self._path) as container:
            stream = video_stream(container, self._path, threads=self._threads)
            shown = [picture.pts for picture in islice(_pictures(container, stream), _PROBED)]
        known = [stamp for stamp in shown if stamp is not None]
        return any(0 < earlier - later <= self._ticks(Fraction(BACKWARD_JUMP)) for earlier, later in pairwise(known))

    def _starts_anew(self) -> bool:
        with open_container(self._path) as container:
            return starts_anew(container, video_stream(container, self._path, threads=self._threads))

    def _seek_point(self) -> int | None:
        """Timestamp from which decoding surely covers the start; None if seeking in this file misses it."""
        target = self._origin + self._ticks(self._info.span.start - _SEEK_MARGIN)
        with open_container(self._path) as container:
            stream = video_stream(container, self._path, threads=self._threads)
            try:
                container.seek(target, stream=stream)
            except av.FFmpegError:
                return None
            first = _first_picture(container, stream)
        if first is None or first.pts is None:
            return None
        return target if (first.pts - self._origin) * self._time_base <= self._info.span.start else None


def _first_picture(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    return next(_pictures(container, stream), None)


def _pictures(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    losses = Losses(stream.codec_context.name, nominal_ticks(stream))
    return _whole_pictures(stream, PacketReader(container, [stream]), losses)


def _whole_pictures(stream: VideoStream, packets: PacketReader, losses: Losses) -> Iterator[VideoFrame]:
    """Decode to the end of the packets, in order of presentation."""
    for packet in packets:
        if packet.stream.index != stream.index:
            continue
        losses.feed(packet)
        if not packets.is_partial(packet):
            yield from _decode(stream, packet, losses)
    yield from _decode(stream, None, losses)


def _decode(stream: VideoStream, packet: "Packet[Stream] | None", losses: Losses) -> Iterator[VideoFrame]:
    try:
        pictures = stream.codec_context.decode(packet)
    except av.FFmpegError as error:
        logger.debug("a packet cannot be decoded: %s", error)
        losses.decoding_failed()
        return
    for picture in pictures:
        if losses.accept(picture):
            yield picture
