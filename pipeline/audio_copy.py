"""Copies a file's sound, packet by packet and without coding it anew, beside newly written pictures."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from pipeline.containers import PacketReader, open_container

logger = logging.getLogger(__name__)


class AudioCopy:
    """The main sound of a file on its way into another; to be closed at the end.

    Sound that the new file's format cannot hold, or a file without sound, copies nothing.
    """

    def __init__(self, source: Path, output: OutputContainer) -> None:
        """Add the stream to `output`, whose header is not written yet.

        Raises:
            VideoError: The source cannot be opened.
        """
        self._output = output
        self._out: AudioStream | None = None
        self._origin = Fraction(0)
        self._last: int | None = None
        self._next: Packet[Stream] | None = None
        self._packets: Iterator[Packet[Stream]] = iter(())
        self._container = open_container(source)
        stream = self._container.streams.best("audio")
        if isinstance(stream, AudioStream):
            self._out = _same_stream(stream, output, source)
            if self._out is not None:
                packets = PacketReader(self._container, [stream])
                self._packets = (packet for packet in packets if packet.pts is not None)

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
            return  # damaged or joined recordings step back; a file cannot
        self._last = decoding_time
        packet.pts, packet.dts = packet.pts - shift, decoding_time - shift
        packet.stream = self._out
        try:
            self._output.mux_one(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError) as error:
            logger.warning("The sound cannot be copied any further: %s", error)
            self._packets = iter(())


def _same_stream(stream: AudioStream, output: OutputContainer, source: Path) -> AudioStream | None:
    if stream.codec_context is None or not stream.codec_context.sample_rate:
        reason = "its coding is unknown"
    else:
        try:
            return output.add_stream_from_template(stream)
        except ValueError as error:  # what the format cannot hold
            reason = str(error)
    logger.warning("The sound of %s cannot be copied (%s); the new video is silent.", source, reason)
    return None


def _start(packet: "Packet[Stream]") -> Fraction:
    return (packet.pts or 0) * packet.time_base


def _end(packet: "Packet[Stream]") -> Fraction:
    return _start(packet) + (packet.duration or 0) * packet.time_base
