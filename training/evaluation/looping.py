"""Makes a long video of a short one, without coding it anew."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from pipeline.media.containers import PacketReader, nominal_ticks, open_container, video_stream
from recognizer.errors import InputError


class LoopError(InputError):
    """A clip that cannot be looped."""


def loop_clip(clip: Path, seconds: float, path: Path) -> None:
    """Write an MP4 that repeats a clip, sound included, to a length of at least `seconds`; nothing is coded anew.

    Times continue: a round begins at the usual distance of two frames behind the last frame of the one before.

    Raises:
        InputError: The clip is no video, or an MP4 cannot hold it.
    """
    try:
        with open_container(clip) as container, av.open(f"file:{path}", "w", format="mp4") as output:
            start, length = _extent(container, clip)
            copies = {
                stream.index: output.add_stream_from_template(stream) for stream in _main_streams(container, clip)
            }
            last: dict[int, int] = {}
            for number in range(math.ceil(seconds / length)):
                for packet in _packets(clip, start, length):
                    index, shift = packet.stream.index, round((number * length - start) / packet.time_base)
                    packet.pts, packet.dts = (packet.pts or 0) + shift, (packet.dts or 0) + shift
                    if packet.dts > last.get(index, packet.dts - 1):  # sound begins before it is heard: rounds overlap
                        last[index] = packet.dts
                        packet.stream = copies[index]
                        output.mux_one(packet)
    except (av.FFmpegError, ValueError) as error:
        reason = error.strerror if isinstance(error, av.FFmpegError) else str(error)
        raise LoopError(f"{clip} cannot be looped ({reason}); convert it to an H.264 MP4 first.") from error


def _main_streams(container: InputContainer, clip: Path) -> list[Stream]:
    """The main picture, and the main sound if there is any."""
    sound = container.streams.best("audio")
    video: Stream = video_stream(container, clip)
    return [video] if sound is None else [video, sound]


def _extent(container: InputContainer, clip: Path) -> tuple[Fraction, Fraction]:
    """First time and length of the pictures, seconds."""
    video = video_stream(container, clip)
    times = [packet.pts for packet in PacketReader(container, [video]) if packet.pts is not None]
    if not times or video.time_base is None:
        raise LoopError(f"{clip} cannot be looped: none of its pictures has a time; convert it to an H.264 MP4.")
    return min(times) * video.time_base, (max(times) - min(times) + nominal_ticks(video)) * video.time_base


def _packets(clip: Path, start: Fraction, length: Fraction) -> Iterator["Packet[Stream]"]:
    """The clip's packets in file order, each with both times; sound that outlasts the pictures is cut."""
    with open_container(clip) as container:
        for packet in PacketReader(container, _main_streams(container, clip)):
            if packet.pts is not None and packet.pts * packet.time_base < start + length:
                packet.dts = packet.pts if packet.dts is None else packet.dts
                yield packet
