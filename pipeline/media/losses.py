"""Books on the pictures a file holds and those that came out of the decoder whole."""

from collections import deque
from collections.abc import Set
from typing import Final

from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

_HIDING_CODECS: Final[Set[str]] = {"mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "vp8"}
"""Codecs with packets that show nothing, in whole files too."""

_LONGEST_GAP: Final = 1500
"""Frames that can go missing in one place; a longer gap is a clock set anew."""


class Losses:
    """Counts the frames of one pass that were damaged beyond use.

    A packet is matched with its frame by its timestamp, not by its place: decoders give frames back late, in
    another order, and report an error at any later call. Packets that are marked to be dropped (an edit list cut
    them away) or that come before the first key frame are never shown and never missed; this is why many whole
    files decode fewer frames than their headers promise. Memory: one number per packet in flight or lost.
    """

    def __init__(self, codec: str, usual: int, refused: Set[int] | None = None) -> None:
        """Open the books.

        Args:
            codec: FFmpeg's name of the decoder.
            usual: distance of two frames in timestamps.
            refused: `refused` of an earlier pass, to be followed instead of the decoder's word: decoding in threads
                gives as many frames in every pass, but whether a patched-up one is marked as such, and with what it
                was patched, may hang on timing.
        """
        self.refused: set[int] = set()
        """Places, 0-based in the order they came from the decoder, of the frames that were not used."""
        self._earlier = refused
        self._usual = usual
        self._counts_packets = codec not in _HIDING_CODECS
        self._place = -1
        self._first_key: int | None = None
        self._last_time: int | None = None
        self._marks: deque[bool] = deque([False, False], maxlen=2)
        """Whether the container calls the last packets damaged."""
        self._waiting: set[int] = set()
        self._lost: set[int] = set()
        self._errors = 0
        self._unmarked = 0
        self._fed_unmarked = False

    def feed(self, packet: "Packet[Stream]") -> None:
        """Note a packet about to be decoded."""
        mark = packet.pts if packet.pts is not None else packet.dts
        self._fed_unmarked = mark is None
        if mark is None or packet.is_discard:
            return
        if self._first_key is None and packet.is_keyframe:
            self._first_key = mark
        if self._first_key is not None and mark >= self._first_key:
            self._note_gap(packet)
            self._waiting.add(mark)

    def _note_gap(self, packet: "Packet[Stream]") -> None:
        """Count what is missing beside a packet that the container calls damaged.

        The gap may also lie behind the packet that follows: a parser that puts pictures together from the pieces of a
        transport stream hands the mark on late. The packet itself is left to the decoder: joined recordings bear the
        mark too, and nothing of them is lost.
        """
        time = packet.dts if packet.dts is not None else packet.pts
        if time is None:
            return
        last = self._last_time
        if last is not None and (packet.is_corrupt or any(self._marks)):
            steps = round((time - last) / self._usual)
            if steps <= _LONGEST_GAP:
                self._lost.update(last + self._usual * step for step in range(1, steps))
        self._last_time = time
        self._marks.append(packet.is_corrupt)

    def decoding_failed(self) -> None:
        """Note an error of the decoder. Most point at an earlier packet, whose frame will then stay away."""
        self._errors += 1
        self._unmarked += self._fed_unmarked

    def accept(self, frame: VideoFrame) -> bool:
        """Note the next decoded frame; whether it is whole, as far as container and decoder can tell."""
        self._place += 1
        self._counts_packets &= not frame.interlaced_frame  # two fields may come in two packets
        mark = _mark(frame)
        if mark is not None:
            self._waiting.discard(mark)
        whole = not frame.is_corrupt if self._earlier is None else self._place not in self._earlier
        if not whole:
            self.refuse(frame)
        return whole

    def refuse(self, frame: VideoFrame) -> None:
        """Note that the frame just accepted cannot be used after all."""
        self.refused.add(self._place)
        mark = _mark(frame)
        if mark is None:
            self._unmarked += 1
        else:
            self._lost.add(mark)

    def give_up_waiting(self) -> None:
        """Decoding stopped with pictures still in the decoder, of which timestamps do not tell which they are."""
        self._waiting.clear()

    def count(self, first: int | None, end: int | None) -> int:
        """Frames lost with first <= timestamp < end, at least; None is no limit."""
        marks = self._lost | self._waiting if self._counts_packets else self._lost
        within = sum((first is None or mark >= first) and (end is None or mark < end) for mark in marks)
        return within + (self._unmarked if self._counts_packets else self._errors)


def _mark(frame: VideoFrame) -> int | None:
    return frame.pts if frame.pts is not None else frame.dts
