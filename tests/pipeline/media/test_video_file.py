"""Video files: pictures, orientation, colours, times, and what headers may say."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from factories import (
    SHARED,
    even_times,
    numbered_picture,
    numbered_pictures,
    read_index,
    write_video,
)
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.frame_clock import FrameClock
from pipeline.media.upright import Orientation, UprightBgr
from pipeline.media.video import open_source
from pipeline.media.video_source import VideoError
from pipeline.types import UInt8Image

MATCH = Path(__file__).parents[3] / "sample_videos" / "match.mp4"
UNEVEN = [Fraction(tick, 600) for tick in (0, 20, 40, 41, 90, 203, 204, 260, 300, 1000)]


def opencv_frames(path: Path) -> list[UInt8Image]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    capture.release()
    return frames


@pytest.mark.parametrize(("suffix", "time_base"), [(".mp4", Fraction(1, 600)), (".ts", Fraction(1, 90_000))])
def test_uneven_times_are_exact(tmp_path: Path, suffix: str, time_base: Fraction) -> None:
    path = write_video(tmp_path / f"match{suffix}", 10, UNEVEN, time_base=time_base)
    assert [frame.time for frame in open_source(path).frames()] == UNEVEN


def test_first_frame_is_at_zero_when_the_stream_starts_later(tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / "match.mkv", 5, [3 + time for time in UNEVEN[:5]]))
    assert next(source.frames()).time == 0
    assert source.info.origin == 3


def write_reordered(path: Path, count: int) -> Path:
    """H.264 with B-frames, of which FFmpeg stamps the pictures in AVI, MXF and WMV in the order of decoding."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": "bframes=3:b-adapt=0"})
        pictures = numbered_pictures(count)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("suffix", [".avi", ".mxf", ".wmv", ".mp4"])
def test_pictures_stamped_in_the_order_of_decoding_have_their_own_times(suffix: str, tmp_path: Path) -> None:
    path = write_reordered(tmp_path / f"match{suffix}", 60)
    whole = open_source(path)
    frames = [(read_index(frame.bgr), frame.time) for frame in whole.frames()]
    assert frames == list(enumerate(even_times(60)))
    part = open_source(path, start_seconds=1.2, duration_seconds=0.4)
    assert [frame.time for frame in part.frames()] == even_times(60)[30:40]
    assert whole.frames_lost == part.frames_lost == 0


@pytest.mark.parametrize("first", [0, 3])
def test_a_matroska_file_that_begins_later_is_whole(first: int, tmp_path: Path) -> None:
    """Its header states the time of the end, not the length."""
    path = write_video(tmp_path / "part.mkv", 50, [Fraction(first) + time for time in even_times(50)])
    source = open_source(path)
    assert len(list(source.frames())) == 50
    assert not source.truncated
    assert source.info.duration_seconds == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("rate", [Fraction(1, 2), Fraction(1, 60)])
def test_a_slow_series_keeps_its_rate(rate: Fraction, tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / "slow.mp4", 6, even_times(6, rate), rate=rate))
    assert (source.info.frames_per_second, source.info.rate_assumed) == (rate, False)
    assert [frame.time for frame in source.frames()] == even_times(6, rate)


def test_a_pause_does_not_slow_the_rate(tmp_path: Path) -> None:
    times = [time + (60 if index >= 30 else 0) for index, time in enumerate(even_times(60, 30))]
    source = open_source(write_video(tmp_path / "pause.mp4", 60, times, rate=30))
    assert float(source.info.frames_per_second) == pytest.approx(30, rel=0.01)
    assert len(list(source.frames())) == 60


def test_odd_sizes_are_kept(tmp_path: Path) -> None:
    pictures = numbered_pictures(4, (97, 65))
    source = open_source(write_video(tmp_path / "odd.mp4", pictures, pixel_format="yuv444p"))
    assert (source.info.width, source.info.height) == (97, 65)
    assert [read_index(frame.bgr) for frame in source.frames()] == [0, 1, 2, 3]


@pytest.mark.parametrize("rotation", [0, 90, -90, 180])
def test_rotation_is_applied(tmp_path: Path, rotation: int) -> None:
    upright = numbered_pictures(3)
    stored = [np.ascontiguousarray(np.rot90(picture, -rotation // 90)) for picture in upright]
    path = write_video(tmp_path / "phone.mp4", stored, rotation=rotation)
    source = open_source(path)
    frames = [frame.bgr for frame in source.frames()]
    assert (source.info.width, source.info.height) == (96, 64)
    assert [read_index(frame) for frame in frames] == [0, 1, 2]
    for frame, other in zip(frames, opencv_frames(path), strict=True):
        assert np.abs(frame.astype(int) - other).mean() < 1


def test_mirrored_video_is_turned_back(tmp_path: Path) -> None:
    path = tmp_path / "selfie.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", 25, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_rotation(0, hflip=True)
        picture = np.ascontiguousarray(numbered_picture(5)[:, ::-1])
        output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")) + stream.encode(None))
    assert read_index(next(open_source(path).frames()).bgr) == 5


def test_pixel_aspect_is_told_and_pixels_left_alone(tmp_path: Path) -> None:
    flat = open_source(write_video(tmp_path / "sd.mp4", 2, pixel_aspect=Fraction(16, 11)))
    turned = open_source(write_video(tmp_path / "turned.mp4", 2, pixel_aspect=Fraction(16, 11), rotation=90))
    assert (flat.info.width, flat.info.height, flat.info.pixel_aspect) == (96, 64, Fraction(16, 11))
    assert (turned.info.width, turned.info.height, turned.info.pixel_aspect) == (64, 96, Fraction(11, 16))


@pytest.mark.parametrize("colour", [(0, 0, 255), (0, 255, 0), (255, 0, 0), (200, 90, 40), (16, 16, 16)])
def test_colours_are_kept(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    path = write_video(tmp_path / "plain.mp4", [np.full((64, 96, 3), colour, np.uint8)] * 2)
    frame = next(open_source(path).frames()).bgr.astype(int)
    assert np.abs(frame - colour).max() <= 6


def test_frames_that_an_edit_list_hides_are_not_lost(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.mp4", 30, hidden=7, options={"g": "60"})
    source = open_source(path)
    frames = [read_index(frame.bgr) for frame in source.frames()]
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 30
    assert frames == list(range(7, 30))
    assert (source.frames_lost, source.truncated) == (0, False)
    assert source.info.frames_per_second == 25


def test_size_that_changes_midway_is_brought_to_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    big, small = (
        write_video(tmp_path / f"{size[0]}.ts", numbered_pictures(5, size), time_base=Fraction(1, 90_000))
        for size in ((192, 128), (96, 64))
    )
    joined = tmp_path / "joined.ts"
    joined.write_bytes(big.read_bytes() + small.read_bytes())
    frames = list(open_source(joined).frames())
    assert [read_index(frame.bgr) for frame in frames] == [0, 1, 2, 3, 4] * 2
    assert {frame.bgr.shape for frame in frames} == {(128, 192, 3)}
    assert "picture size changes" in caplog.text


def test_joined_recordings_have_increasing_times(tmp_path: Path) -> None:
    part = write_video(tmp_path / "part.ts", 50, time_base=Fraction(1, 90_000))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    source = open_source(joined)
    times = [frame.time for frame in source.frames()]
    assert (len(times), source.frames_lost) == (100, 0)
    assert [later - earlier for earlier, later in pairwise(times)] == [Fraction(1, 25)] * 99


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_part_of_joined_recordings_is_what_the_whole_shows_there(order: str, tmp_path: Path) -> None:
    lengths = {"a": 150, "b": 200}
    parts = {
        name: write_video(tmp_path / f"{name}.ts", count, time_base=Fraction(1, 90_000)).read_bytes()
        for name, count in lengths.items()
    }
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(parts[name] for name in order))
    whole = {frame.time: read_index(frame.bgr) for frame in open_source(joined).frames()}
    for start in (1.5, 5.0, 6.5, 9.0):
        some = [(frame.time, read_index(frame.bgr)) for frame in open_source(joined, start, 1.0).frames()]
        assert some == [(time, number) for time, number in whole.items() if start <= time < start + 1]
    with pytest.raises(VideoError, match=r"has no frame from 20 s\.$"):
        open_source(joined, 20.0)


@given(st.lists(st.none() | st.integers(-(10**7), 10**7), max_size=50), st.integers(-1000, 1000))
def test_clock_never_stands_still(timestamps: list[int | None], origin: int) -> None:
    clock = FrameClock(origin, usual=512, jump=12_800)
    ticks = [clock.tick(timestamp) for timestamp in timestamps]
    assert all(later > earlier for earlier, later in pairwise(ticks))


@given(st.lists(st.integers(0, 10**9), unique=True, max_size=50), st.integers(-1000, 1000))
def test_clock_keeps_times_that_increase(ticks: list[int], origin: int) -> None:
    clock = FrameClock(origin, usual=512, jump=12_800)
    assert [clock.tick(origin + tick) for tick in sorted(ticks)] == sorted(ticks)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("clip", "frames", "promised", "rate"),
    [
        ("foul_barcelona_a", 127, 127, Fraction(25)),
        ("school_basketball", 214, 265, Fraction(30_000, 1001)),
    ],
)
def test_real_clips_are_whole_whatever_their_headers_promise(
    clip: str, frames: int, promised: int, rate: Fraction
) -> None:
    path = SHARED / "clips" / f"{clip}.mp4"
    source = open_source(path)
    decoded = list(source.frames())
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == promised
    assert (len(decoded), source.frames_lost, source.truncated) == (frames, 0, False)
    assert source.info.frames_per_second == rate
    others = opencv_frames(path)
    assert len(others) == frames
    assert np.abs(decoded[-1].bgr.astype(int) - others[-1]).mean() < 2


@pytest.mark.parametrize("levels", [ColorRange.MPEG, ColorRange.JPEG])
def test_a_cards_order_of_planes_changes_no_pixel(levels: ColorRange) -> None:
    with av.open(str(MATCH)) as container:
        planar = next(container.decode(video=0)).reformat(format="yuv420p")
    planar.color_range = levels
    interleaved = planar.reformat(format="nv12", src_color_range=levels, dst_color_range=levels)
    assert interleaved.format.name == "nv12"
    ours, theirs = (UprightBgr((frame.width, frame.height), Orientation())(frame) for frame in (interleaved, planar))
    assert np.array_equal(ours, theirs)
