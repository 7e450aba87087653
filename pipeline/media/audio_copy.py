"""Copies a file's sound, packet by packet and without coding it anew, beside newly written pictures."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from pipeline.media.containers import PacketReader, nominal_ticks, open_container
from pipeline.media.frame_clock import BACKWARD_JUMP, FrameClock

logger = logging.getLogger(__name__)

_TRIED: Final = 5
"""Packets written into a trial file before the sound is promised to the real one."""
_MOST_WAITING: Final = 1000
"""Packets of sound kept until the pictures show where they belong."""
_MOST_DAMAGED: Final = 1000
"""Packets that may be left out before the rest is given up."""
_PLAIN_LAYOUTS: Final = {1: "mono", 2: "stereo"}


class AudioCopy:
    """The main sound of a file on its way into an MP4; to be closed at the end.

    Sound that an MP4 cannot hold is told from a few of its packets, so that it does not spoil the file at its end. It
    copies nothing, and neither does a file without sound.
    """

    def __init__(self, source: Path, output: OutputContainer) -> None:
        """Add the stream to `output`, an MP4 whose header is not written yet.

        Raises:
            VideoError: The source cannot be opened.
        """
        self._output = output
        self._out: AudioStream | None = None
        self._origin = Fraction(0)
        self._last: int | None = None
        self._damaged = 0
        self._next: Packet[Stream] | None = None
        self._packets: Iterator[Packet[Stream]] = iter(())
        self._container = open_container(source)
        stream = self._container.streams.best("audio")
        if isinstance(stream, AudioStream):
            timed = _on_one_clock(self._container, stream)
            first = list(islice(timed, _TRIED))
            refusal = _refusal(stream, first)
            if refusal:
                logger.warning("The sound of %s cannot be copied (%s); the new video is silent.", source, refusal)
            else:
                self._out = _same_stream(stream, output)
                self._packets = chain(first, timed)

    def close(self) -> None:
        """Close the source; nothing more is copied."""
        self._next = None
        self._container.close()

    def begin(self, origin: Fraction) -> None:
        """Name the moment on the source's clock that is 0 in the new file; what ended before is skipped.

        A packet that ends just there is kept: decoders need it to get going.
        """
        self._origin = origin
        self._next = next((packet for packet in self._packets if _end(packet) >= origin), None)

    def copy_until(self, seconds: Fraction | None) -> None:
        """Copy what begins before `seconds` of the new file; None copies the rest."""
        while self._next is not None:
            if seconds is not None and _start(self._next) - self._origin >= seconds:
                return
            self._copy(self._next)
            # An edit list marks what is not to be heard; before the origin it is no harm.
            self._next = next((packet for packet in self._packets if not packet.is_discard), None)

    def _copy(self, packet: "Packet[Stream]") -> None:
        shift = round(self._origin / packet.time_base)
        decoding_time = packet.dts if packet.dts is not None else packet.pts
        if self._out is None or packet.pts is None or decoding_time is None:
            return
        if self._last is not None and decoding_time <= self._last:
            return  # damaged recordings step back; a file cannot
        self._last = decoding_time
        packet.pts, packet.dts = packet.pts - shift, decoding_time - shift
        packet.stream = self._out
        try:
            self._output.mux_one(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError) as error:
            if not self._damaged:
                logger.warning("Parts of the sound are damaged and left out: %s", error)
            self._damaged += 1
            if self._damaged > _MOST_DAMAGED:
                logger.warning("The sound cannot be copied any further.")
                self._packets = iter(())


def _on_one_clock(container: InputContainer, sound: AudioStream) -> Iterator["Packet[Stream]"]:
    """The sound's packets that have a time, in a file that may consist of joined recordings.

    Where its clock starts anew, each recording is shifted as `FrameClock` shifts its pictures: they follow the last one
    at the usual distance.
    """
    pictures, clock = container.streams.best("video"), None
    streams: list[Stream] = [sound]
    if isinstance(pictures, VideoStream) and pictures.time_base:
        clock = FrameClock(0, nominal_ticks(pictures), round(BACKWARD_JUMP / pictures.time_base))
        streams.append(pictures)
    shifts = [Fraction(0)]
    waiting: deque[tuple[int, Packet[Stream]]] = deque()
    recording, last_heard = 0, None
    for packet in PacketReader(container, streams):
        if packet.pts is None:
            continue
        time = _start(packet)
        if packet.stream.index == sound.index:
            recording += last_heard is not None and time < last_heard - BACKWARD_JUMP
            last_heard = time
            waiting.append((recording, packet))
        elif clock is not None:
            clock.tick(packet.pts)
            if (shift := clock.shift * packet.time_base) != shifts[-1]:
                shifts.append(shift)
        while waiting and (waiting[0][0] < len(shifts) or len(waiting) > _MOST_WAITING):
            yield _shifted(*waiting.popleft(), shifts)
    for held in waiting:
        yield _shifted(*held, shifts)


def _shifted(recording: int, packet: "Packet[Stream]", shifts: Sequence[Fraction]) -> "Packet[Stream]":
    ticks = round(shifts[min(recording, len(shifts) - 1)] / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks
    return packet


def _refusal(stream: AudioStream, packets: Sequence["Packet[Stream]"]) -> str | None:
    """Why an MP4 cannot hold this sound, found by writing one in memory; None if it can."""
    if stream.codec_context is None or not stream.codec_context.sample_rate:
        return "its coding is unknown"
    try:
        with av.open(BytesIO(), "w", format="mp4") as trial:
            out, time = _same_stream(stream, trial), 0
            for packet in packets:
                copy: Packet[Stream] = Packet(bytes(packet))
                copy.stream, copy.time_base = out, packet.time_base
                copy.pts = copy.dts = time
                trial.mux_one(copy)
                time += max(1, packet.duration or 0)
    except (ValueError, av.FFmpegError) as error:
        return f"an MP4 does not take it: {error.strerror}" if isinstance(error, av.FFmpegError) else str(error)
    return None


def _same_stream(stream: AudioStream, output: OutputContainer) -> AudioStream:
    out = output.add_stream_from_template(stream)
    layout = stream.codec_context.layout
    # AVI and Matroska do not say which two channels of PCM they hold, and an MP4 has to.
    if layout.name == f"{layout.nb_channels} channels" and layout.nb_channels in _PLAIN_LAYOUTS:
        out.codec_context.layout = _PLAIN_LAYOUTS[layout.nb_channels]
    return out


def _start(packet: "Packet[Stream]") -> Fraction:
    return (packet.pts or 0) * packet.time_base


def _end(packet: "Packet[Stream]") -> Fraction:
    return _start(packet) + (packet.duration or 0) * packet.time_base
