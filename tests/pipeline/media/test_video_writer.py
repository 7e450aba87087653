"""The video that is written: pictures, times, colours, sound, and what is left when writing fails."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from factories import (
    even_times,
    mp4_box,
    numbered_picture,
    numbered_pictures,
    read_index,
    write_images,
    write_video,
)

from pipeline.media.video import VideoError, VideoInfo, open_source
from pipeline.media.video_writer import VideoWriter
from pipeline.types import UInt8Image

UNEVEN = [Fraction(tick, 600) for tick in (0, 20, 40, 41, 90, 203, 204, 260, 300, 1000)]


def plain_info(size: tuple[int, int], rate: int = 25, time_base: Fraction = Fraction(1, 12_800)) -> VideoInfo:
    return VideoInfo(Path("match.mp4"), "match", *size, Fraction(rate), None, False, time_base=time_base)


def write(path: Path, pictures: Sequence[UInt8Image], times: Sequence[Fraction], info: VideoInfo | None = None) -> Path:
    height, width = pictures[0].shape[:2]
    with VideoWriter(path, info or plain_info((width, height))) as writer:
        for picture, time in zip(pictures, times, strict=True):
            writer.write(picture, time)
    return path


def copy(source: Path, target: Path, start: float = 0.0, duration: float | None = None) -> Path:
    """Decode a video and write it again, as the product does."""
    video = open_source(source, start, duration)
    with VideoWriter(target, video.info) as writer:
        for frame in video.frames():
            writer.write(frame.bgr, frame.time)
    return target


def audio_packets(path: Path) -> list[tuple[float, bytes]]:
    """Time and content of each packet of the sound."""
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[0])
        return [(float(packet.pts * packet.time_base), bytes(packet)) for packet in packets if packet.pts is not None]


def test_frames_come_back(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "out.mp4", numbered_pictures(40), even_times(40)))
    frames = list(source.frames())
    assert [read_index(frame.bgr) for frame in frames] == list(range(40))
    assert [frame.time for frame in frames] == even_times(40)
    assert (source.frames_lost, source.truncated) == (0, False)
    assert source.info.duration_seconds == pytest.approx(40 / 25)


@pytest.mark.parametrize(
    "times",
    [UNEVEN, even_times(9, Fraction(30_000, 1001)), [Fraction(tick, 1000) for tick in (0, 33, 67, 100, 133)]],
    ids=["uneven", "ntsc", "milliseconds"],
)
def test_times_are_kept_exactly(tmp_path: Path, times: list[Fraction]) -> None:
    base = Fraction(1, max(time.denominator for time in times))
    path = write(tmp_path / "out.mp4", numbered_pictures(len(times)), times, plain_info((96, 64), time_base=base))
    assert [frame.time for frame in open_source(path).frames()] == times
    with av.open(str(path)) as container:
        assert container.duration / av.time_base >= float(times[-1])  # players stop where the header says


def test_times_of_an_unevenly_spaced_video_survive_a_copy(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", len(UNEVEN), UNEVEN, time_base=Fraction(1, 600))
    assert [frame.time for frame in open_source(copy(source, tmp_path / "out.mp4")).frames()] == UNEVEN


def test_very_fine_time_base_is_met_closely(tmp_path: Path) -> None:
    times = [Fraction(index * 33_366_667, 10**9) for index in range(9)]
    info = plain_info((96, 64), time_base=Fraction(1, 10**9))
    frames = open_source(write(tmp_path / "out.mp4", numbered_pictures(9), times, info)).frames()
    assert all(abs(frame.time - time) <= Fraction(1, 90_000) for frame, time in zip(frames, times, strict=True))


def test_a_browser_can_play_it(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4.part", numbered_pictures(5), even_times(5))
    data = path.read_bytes()
    assert mp4_box(data, b"moov") < mp4_box(data, b"mdat")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.codec_context.profile == "High"
        assert (stream.color_range, stream.colorspace, stream.color_primaries, stream.color_trc) == (1, 1, 1, 1)


@pytest.mark.parametrize("size", [(97, 64), (96, 65), (97, 65)])
def test_odd_sizes_are_padded_at_the_right_and_bottom(tmp_path: Path, size: tuple[int, int]) -> None:
    source = open_source(write(tmp_path / "out.mp4", numbered_pictures(3, size), even_times(3)))
    assert (source.info.width, source.info.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert [read_index(frame.bgr[: size[1], : size[0]]) for frame in source.frames()] == [0, 1, 2]


@pytest.mark.parametrize(
    "colour", [(255, 255, 255), (0, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 0), (40, 90, 200), (128, 128, 128)]
)
def test_colours_do_not_shift(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    pictures = [np.full((64, 96, 3), colour, np.uint8)] * 3
    for frame in open_source(write(tmp_path / "out.mp4", pictures, even_times(3))).frames():
        assert np.abs(frame.bgr.astype(int) - colour).max() <= 4


def test_turned_and_stretched_video_is_written_upright(tmp_path: Path) -> None:
    stored = [np.ascontiguousarray(np.rot90(picture, -1)) for picture in numbered_pictures(3)]
    source = write_video(tmp_path / "in.mp4", stored, rotation=90, pixel_aspect=Fraction(4, 3))
    written = open_source(copy(source, tmp_path / "out.mp4"))
    assert (written.info.width, written.info.height, written.info.pixel_aspect) == (96, 64, Fraction(3, 4))
    assert [read_index(frame.bgr) for frame in written.frames()] == [0, 1, 2]


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mkv", "libopus"), (".mkv", "ac3")])
def test_sound_is_copied_bit_by_bit(tmp_path: Path, suffix: str, codec: str) -> None:
    source = write_video(tmp_path / f"in{suffix}", 30, audio=codec, audio_seconds=1.5)
    before, after = audio_packets(source), audio_packets(copy(source, tmp_path / "out.mp4"))
    assert [content for _, content in after] == [content for _, content in before]
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=0.001)


@pytest.mark.parametrize(("suffix", "codec"), [(".avi", "mpeg4"), (".mkv", "libx264")])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_sound_that_does_not_name_its_channels_is_copied(tmp_path: Path, suffix: str, codec: str, layout: str) -> None:
    base = Fraction(1, 25)
    source = write_video(
        tmp_path / f"in{suffix}", 20, audio="pcm_s16le", audio_layout=layout, codec=codec, time_base=base
    )
    target = copy(source, tmp_path / "out.mp4")
    assert b"".join(content for _, content in audio_packets(target)) == b"".join(
        content for _, content in audio_packets(source)
    )
    with av.open(str(target)) as container:
        assert container.streams.audio[0].codec_context.layout.nb_channels == av.AudioLayout(layout).nb_channels


def test_sound_of_a_transport_stream_is_copied(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.ts", 50, audio="aac", time_base=Fraction(1, 90_000))
    packets = audio_packets(copy(source, tmp_path / "out.mp4"))
    assert packets[0][0] == pytest.approx(0, abs=0.03)
    assert packets[-1][0] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("seed", range(8))
def test_sound_goes_on_behind_damage(seed: int, tmp_path: Path) -> None:
    """A burst of a transport stream's packets is gone; the sound ends with the pictures all the same."""
    path = write_video(tmp_path / "in.ts", 100, time_base=Fraction(1, 90_000), audio="aac")
    data, packet, rng = path.read_bytes(), 188, np.random.default_rng(seed)
    first = int(rng.integers(len(data) // packet // 4, len(data) // packet // 2)) * packet
    path.write_bytes(data[:first] + data[first + int(rng.integers(1, 40)) * packet :])
    source = open_source(path)
    with VideoWriter(tmp_path / "out.mp4", source.info) as writer:
        for frame in source.frames():
            writer.write(frame.bgr, frame.time)
    assert audio_packets(tmp_path / "out.mp4")[-1][0] == pytest.approx(4.0, abs=0.15)


def test_sound_of_joined_recordings_stays_with_its_pictures(tmp_path: Path) -> None:
    """Sound and pictures of a part begin together, wherever it lies; each is as long as its number of frames."""
    base = Fraction(1, 90_000)
    parts = [
        write_video(tmp_path / f"{count}.ts", count, audio="aac", time_base=base).read_bytes() for count in (80, 200)
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(parts))
    before, after = audio_packets(joined), audio_packets(copy(joined, tmp_path / "out.mp4"))
    assert len(before) - len(after) <= 1, "what two parts say at the same moment is said once"
    for place in (-1, -100, -300):
        within = before[place][0] - before[0][0]
        assert after[place][0] == pytest.approx(within + 80 / 25, abs=0.05)


def test_sound_is_cut_to_the_span(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", 200, audio="aac")
    target = copy(source, tmp_path / "out.mp4", 2.5, 2.0)
    frames = [read_index(frame.bgr) for frame in open_source(target).frames()]
    assert frames == list(range(63, 113))
    before, after = audio_packets(source), audio_packets(target)
    contents = [content for _, content in before]
    first = contents.index(after[0][1])
    assert before[first][0] == pytest.approx(2.52 + after[0][0], abs=0.001)
    assert [content for _, content in after] == contents[first : first + len(after)]
    assert -0.03 < after[0][0] <= 0
    assert after[-1][0] == pytest.approx(1.97, abs=0.03)


def test_sound_that_mp4_cannot_hold_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    base = Fraction(1, 25)
    source = write_video(tmp_path / "in.avi", 10, audio="pcm_mulaw", codec="mpeg4", time_base=base)
    written = open_source(copy(source, tmp_path / "out.mp4"))
    assert sum(1 for _ in written.frames()) == 10
    assert not written.info.has_audio
    assert "cannot be copied" in caplog.text


def test_sound_that_would_spoil_the_file_only_at_its_end_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_video(tmp_path / "in.mkv", 10, audio="pcm_s16le", audio_layout="5.1")
    written = open_source(copy(source, tmp_path / "out.mp4"))
    assert sum(1 for _ in written.frames()) == 10
    assert not written.info.has_audio
    assert "in.mkv cannot be copied (an MP4 does not take it: Invalid argument); the new video is silent" in caplog.text


def test_images_become_a_video(tmp_path: Path) -> None:
    copied = open_source(copy(write_images(tmp_path / "frames", 10), tmp_path / "out.mp4"))
    assert [frame.time for frame in copied.frames()] == even_times(10)


def test_exception_inside_removes_the_file(tmp_path: Path) -> None:
    with pytest.raises(KeyError), VideoWriter(tmp_path / "out.mp4", plain_info((96, 64))) as writer:
        writer.write(numbered_picture(0), Fraction(0))
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_no_frame_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="there is no frame"), VideoWriter(tmp_path / "out.mp4", plain_info((96, 64))):
        pass
    assert not list(tmp_path.iterdir())


def test_missing_sound_leaves_no_file(tmp_path: Path) -> None:
    gone = replace(plain_info((96, 64)), path=tmp_path / "none.mp4", has_audio=True)
    with pytest.raises(VideoError, match=r"none\.mp4 does not exist"):
        VideoWriter(tmp_path / "out.mp4", gone)
    assert not list(tmp_path.iterdir())


def test_unwritable_path_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "out.mp4", tmp_path):
        with pytest.raises(VideoError, match=f"{path} cannot be written"):
            VideoWriter(path, plain_info((96, 64)))
    assert tmp_path.is_dir()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_named_and_the_device_left_alone() -> None:
    full = Path("/dev/full")
    with pytest.raises(VideoError, match=r"/dev/full cannot be written \(No space left on device\)"):
        write(full, numbered_pictures(30), even_times(30))
    assert full.exists()


def test_wrong_size_and_standing_time_are_the_callers_mistakes(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", plain_info((96, 64))) as writer:
        writer.write(numbered_picture(0), Fraction(1))
        with pytest.raises(ValueError, match="the frame is 32x32, expected 96x64"):
            writer.write(numbered_picture(1, (32, 32)), Fraction(2))
        with pytest.raises(ValueError, match="not later"):
            writer.write(numbered_picture(1), Fraction(1))
