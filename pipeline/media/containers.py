"""Media files through FFmpeg: opening them with one clear sentence on failure, and reading on behind damage."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median_low

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from pipeline.media.frame_clock import BACKWARD_JUMP
from pipeline.media.video_source import ASSUMED_RATE, VideoError

logger = logging.getLogger(__name__)

_TEXT_ART = {"ansi", "bintext", "idf", "xbin"}
"""'Video' codecs FFmpeg finds in plain text files."""
_MP4_BOXES = {b"ftyp", b"free", b"skip", b"wide", b"mdat", b"moov", b"pnot", b"uuid", b"styp"}
_JOINABLE = {"mpegts", "mpeg"}
_MAX_FAILURES = 1000
"""Read errors in a row after which the rest of a file is given up."""
_TAIL = 64
"""Index entries looked at for a file's end."""
_SLACK_SECONDS = 0.5
"""How far a whole file may end before the length its header states."""
_PLAUSIBLE_RATE = (Fraction(1, 3600), Fraction(1000))
"""Frames per second: from a picture an hour, as time-lapse cameras take them."""
_RATE_AGREEMENT = Fraction(1, 5)


def open_container(path: Path, decoder: HWAccel | None = None) -> InputContainer:
    """Open a media file for reading.

    Args:
        path: the file.
        decoder: a graphics card's decoder; None for FFmpeg's own.

    Raises:
        VideoError: It does not exist, cannot be read, is empty, or is no media file.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise VideoError(f"{path} is not a regular file; cameras, pipes and streams are not supported yet.")
        if not size:
            raise VideoError(f"{path} is empty (0 bytes).")
    except FileNotFoundError as error:
        raise VideoError(f"{path} does not exist.") from error
    except OSError as error:
        raise VideoError(f"{path} cannot be read ({error.strerror}).") from error
    try:
        # "file:" keeps a colon in a name from being taken for a protocol; a file may not pull in anything else.
        options = {"protocol_whitelist": "file"}
        container = av.open(f"file:{path}", options=options, metadata_errors="replace", hwaccel=decoder)
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        raise _unrecognised(path) from error
    except (av.FFmpegError, OSError) as error:
        raise VideoError(f"{path} cannot be opened as a video ({error.strerror}).") from error
    if not len(container.streams):
        container.close()
        raise _unrecognised(path)
    return container


def video_stream(
    container: InputContainer, path: Path, decoder: HWAccel | None = None, threads: int = 0
) -> VideoStream:
    """The main video stream, set up for threaded decoding; cover pictures of audio files are none.

    Args:
        container: an open file.
        path: the file.
        decoder: as given to `open_container`. A graphics card's gets one thread: every thread would take some of the
            few pictures it can hold.
        threads: that decode; 0 takes one for each core.

    Raises:
        VideoError: There is no video in the file, or no decoder for it.
    """
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams and not container.streams.audio and _lacks_mp4_index(path):
        raise _unrecognised(path)
    if not streams:
        held = "sound only" if container.streams.audio else "no pictures and no sound"
        raise VideoError(f"{path} has no video stream ({held}).")
    best = container.streams.best("video")
    stream = next((stream for stream in streams if best is not None and stream.index == best.index), streams[0])
    if stream.codec_context is None:
        raise VideoError(f"{path} is coded in a way that cannot be decoded here; convert it to H.264 first.")
    if stream.codec_context.name in _TEXT_ART:
        raise VideoError(f"{path} is a text file, not a video.")
    stream.thread_type = "AUTO" if decoder is None else "SLICE"
    stream.codec_context.thread_count = threads if decoder is None else 1
    return stream


def usual_rate(stream: VideoStream) -> Fraction | None:
    """Frames per second of a stream, None where its header says nothing plausible.

    The average counts frames that an edit list hides, and pauses, so it may be off; the base rate is exact for evenly
    spaced frames and meaningless for others. The base rate counts where the two roughly agree, else what most frames
    are apart, where an index tells.
    """
    average, guessed = stream.average_rate, stream.guessed_rate
    agree = average and guessed and abs(guessed / average - 1) <= _RATE_AGREEMENT
    rates = (guessed,) if agree else (_middle_rate(stream), average, guessed)
    low, high = _PLAUSIBLE_RATE
    return next((rate for rate in rates if rate and low <= rate <= high), None)


def _middle_rate(stream: VideoStream) -> Fraction | None:
    """One over the median distance of two frames, by a file's index; None where that does not list every frame."""
    times = sorted(entry.timestamp for entry in stream.index_entries)
    if len(times) < 3 or len(times) != stream.frames or not stream.time_base:
        return None
    middle = median_low(after - before for before, after in pairwise(times))
    return 1 / (middle * stream.time_base) if middle > 0 else None


def stated_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """Length of a stream by the header, or of the whole file where the stream's is missing."""
    if stream.duration and stream.duration > 0 and stream.time_base:
        return float(stream.duration * stream.time_base)
    length = container.duration or 0
    start = container.start_time or 0
    if _states_its_end(container) and 0 < start < length:
        length -= start
    return length / av.time_base if length > 0 else None


def _states_its_end(container: InputContainer) -> bool:
    """Whether the length in the header is the time of the end, as FFmpeg writes it into Matroska files.

    It differs from the length where a file does not begin at 0. Other programs may write the length itself there.
    """
    return "matroska" in container.format.name


def nominal_ticks(stream: VideoStream) -> int:
    """Usual distance of two frames in units of the stream's time base, at least 1."""
    return max(1, round(1 / ((usual_rate(stream) or ASSUMED_RATE) * (stream.time_base or Fraction(1, 90_000)))))


def starts_anew(container: InputContainer, stream: VideoStream) -> bool:
    """Whether a stream's timestamps begin again somewhere, as where recordings were joined by appending one to another.

    Reads the whole file, without decoding; to be asked of a file just opened. Only formats that can be joined in that
    way are looked at.
    """
    if container.format.name not in _JOINABLE or not stream.time_base:
        return False
    jump, latest = BACKWARD_JUMP / stream.time_base, None
    for packet in PacketReader(container, [stream]):
        time = packet.dts if packet.dts is not None else packet.pts
        if time is None:
            continue
        if latest is not None and time < latest - jump:
            return True
        latest = time if latest is None else max(latest, time)
    return False


class PacketReader:
    """The packets of some streams of a file, to its very end: a read error is counted and reading goes on behind it.

    Empty packets are left out: a decoder takes one for the end of the stream.
    """

    def __init__(self, container: InputContainer, streams: Iterable[Stream]) -> None:
        self._container = container
        self._streams = list(streams)
        self.errors = 0
        """Places where nothing could be read."""
        self.gave_up = False
        """Whether reading stopped because nothing came any more but errors."""
        self._partial = False
        self._reached = Fraction(0)
        self._seen: Counter[int] = Counter()

    def __iter__(self) -> Iterator["Packet[Stream]"]:
        failures = 0
        while failures < _MAX_FAILURES:
            try:
                for packet in self._container.demux(*self._streams):
                    if packet.size:
                        failures = 0
                        self._note(packet)
                        yield packet
            except (av.FFmpegError, IndexError) as error:  # IndexError: PyAV on streams that appear in mid-file
                self.errors += not failures
                failures += 1
                logger.debug("read error: %s", error)
            else:
                return
        self.gave_up = True

    def is_partial(self, packet: "Packet[Stream]") -> bool:
        """Whether the file ends within the packet. In a transport stream the mark means less: a gap somewhere."""
        return packet.is_corrupt and self._container.format.name != "mpegts"

    def breaks_off(self, stream: Stream) -> bool:
        """Whether the file ends before its time; to be asked once all packets were read.

        Any file: it ends within a packet. MP4: the index of `stream` points behind the end. Matroska: the packets end
        well before the stated length. Lengths stated by other formats cannot be relied on.
        """
        size = self._container.size
        beyond = any(entry.pos + entry.size > size for entry in stream.index_entries[-_TAIL:])
        if self.gave_up or self._partial or beyond:
            return True
        if not _states_its_end(self._container) or not self._container.duration:
            return False
        return float(self._reached) < self._container.duration / av.time_base - _SLACK_SECONDS

    def passed_over(self, stream: Stream) -> int:
        """Packets that the index lists and that did not come, of a file read from start to end.

        AVI only, where damage swallows packets without an error.
        """
        listed = len(stream.index_entries) if self._container.format.name == "avi" else 0
        return max(0, listed - self._seen[stream.index])

    def _note(self, packet: "Packet[Stream]") -> None:
        self._seen[packet.stream.index] += 1
        self._partial |= self.is_partial(packet)
        if packet.pts is not None:
            self._reached = max(self._reached, (packet.pts + (packet.duration or 0)) * packet.time_base)


def _unrecognised(path: Path) -> VideoError:
    if _lacks_mp4_index(path):
        return VideoError(
            f"{path} has lost its index (the moov part of an MP4): the recording was cut off or is still being "
            "written. Record or download it again, or repair it with a tool such as untrunc."
        )
    return VideoError(f"{path} is not a video, or damaged beyond recognition.")


def _lacks_mp4_index(path: Path) -> bool:
    """Whether the file starts like an MP4 and its `moov` box is missing or cut."""
    size, position = path.stat().st_size, 0
    with path.open("rb") as file:
        while position + 8 <= size:
            file.seek(position)
            header = file.read(16)
            length, kind = int.from_bytes(header[:4], "big"), header[4:8]
            if position == 0 and kind not in _MP4_BOXES:
                return False
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            if kind == b"moov":
                return position + length > size
            if length < 8:
                break
            position += length
    return position > 0
