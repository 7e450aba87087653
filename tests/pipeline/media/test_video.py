"""What every video source must do, which source an input opens, and what is said about bad input."""

import itertools
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from factories import (
    SIZE,
    cut,
    even_times,
    numbered_picture,
    numbered_pictures,
    read_index,
    write_audio,
    write_images,
    write_video,
)

from pipeline.media.video import VideoError, VideoSource, open_source
from pipeline.types import UInt8Image
from recognizer.errors import InputError

COUNT = 60


def _mp4(folder: Path) -> Path:
    return write_video(folder / "match.mp4", COUNT, audio="aac")


def _mp4_with_hidden_frames(folder: Path) -> Path:
    pictures = [numbered_picture(0)] * 7 + numbered_pictures(COUNT)
    return write_video(folder / "match.mp4", pictures, hidden=7, options={"g": "30"})


def _matroska(folder: Path) -> Path:
    return write_video(folder / "match.mkv", COUNT, options={"g": "15"})


def _transport_stream(folder: Path) -> Path:
    return write_video(folder / "match.ts", COUNT, time_base=Fraction(1, 90_000), options={"g": "15"})


def _avi(folder: Path) -> Path:
    return write_video(folder / "match.avi", COUNT, codec="mpeg4", time_base=Fraction(1, 25))


def _webm(folder: Path) -> Path:
    options = {"lag-in-frames": "10", "auto-alt-ref": "1", "deadline": "realtime"}
    return write_video(folder / "match.webm", COUNT, codec="libvpx", options=options)


def _image_folder(folder: Path) -> Path:
    return write_images(folder / "match", COUNT)


def _image_glob(folder: Path) -> Path:
    return write_images(folder / "match", COUNT, ".jpg") / "frame*.jpg"


MAKERS = [_mp4, _mp4_with_hidden_frames, _matroska, _transport_stream, _avi, _webm, _image_folder, _image_glob]
Opener = Callable[..., VideoSource]


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__.strip("_"))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same 60 numbered frames at 25 frames/s from each kind of source."""
    path = request.param(tmp_path)
    return lambda start=0.0, duration=None: open_source(str(path), start, duration)


def test_frames_come_in_order_with_their_times(opened: Opener) -> None:
    frames = list(opened().frames())
    assert [frame.index for frame in frames] == list(range(COUNT))
    assert [read_index(frame.bgr) for frame in frames] == list(range(COUNT))
    assert [frame.time for frame in frames] == even_times(COUNT)


def test_info_agrees_with_the_frames(opened: Opener) -> None:
    source = opened()
    info = source.info
    for frame in source.frames():
        assert frame.bgr.shape == (info.height, info.width, 3)
        assert frame.bgr.flags.c_contiguous
        assert (frame.time / info.time_base).denominator == 1
    assert (info.name, info.width, info.height) == ("match", *SIZE)
    assert info.frames_per_second == 25
    assert info.path.exists()
    assert info.duration_seconds == pytest.approx(COUNT / 25, abs=0.1)


def test_whole_source_is_reported_whole(opened: Opener) -> None:
    source = opened()
    assert sum(1 for _ in source.frames()) == COUNT
    assert source.frames_lost == 0
    assert source.truncated is False


def test_second_pass_gives_identical_frames(opened: Opener) -> None:
    source = opened()
    for first, second in itertools.zip_longest(list(source.frames()), source.frames()):
        assert (first.index, first.time) == (second.index, second.time)
        assert np.array_equal(first.bgr, second.bgr)


def test_passes_do_not_disturb_each_other(opened: Opener) -> None:
    source = opened()
    abandoned = source.frames()
    assert next(abandoned).index == 0
    alongside = [(a.index, b.index) for a, b in zip(source.frames(), source.frames(), strict=True)]
    assert alongside == [(index, index) for index in range(COUNT)]
    assert next(abandoned).index == 1


@pytest.mark.parametrize(
    ("start", "duration", "first", "end"),
    [(0.4, 0.4, 10, 20), (0.41, 0.4, 11, 21), (1.6, None, 40, COUNT), (0.0, 0.2, 0, 5), (2.2, 9.0, 55, COUNT)],
)
def test_start_and_duration_select_frames(
    opened: Opener, start: float, duration: float | None, first: int, end: int
) -> None:
    source = opened(start, duration)
    frames = list(source.frames())
    assert [frame.index for frame in frames] == list(range(end - first))
    assert [read_index(frame.bgr) for frame in frames] == list(range(first, end))
    assert [frame.time for frame in frames] == even_times(COUNT)[first:end]
    assert (source.frames_lost, source.truncated) == (0, False)
    assert source.info.duration_seconds == pytest.approx(len(frames) / 25, abs=0.1)


def test_start_beyond_the_end_is_refused(opened: Opener) -> None:
    with pytest.raises(VideoError, match=r"has no frame from 99 s"):
        opened(99.0)


@pytest.mark.parametrize(
    ("start", "duration"),
    [(-1.0, None), (float("nan"), None), (1e300, None), (0.0, 0.0), (0.0, -2.0), (0.0, 1e300), (0.0, float("inf"))],
)
def test_impossible_span_is_refused(opened: Opener, start: float, duration: float | None) -> None:
    with pytest.raises(VideoError, match=r"The (start|duration) is .* must be"):
        opened(start, duration)


def test_source_that_vanishes_is_reported(tmp_path: Path) -> None:
    path = _mp4(tmp_path)
    source = open_source(path)
    path.unlink()
    with pytest.raises(VideoError, match="does not exist"):
        next(source.frames())


def test_the_files_that_are_read_are_known(tmp_path: Path) -> None:
    path = _mp4(tmp_path)
    assert open_source(path).info.files == (path,)
    folder = write_images(tmp_path / "frames", 12)
    assert [file.name for file in open_source(folder).info.files] == [f"frame{index}.png" for index in range(12)]
    matched = open_source(f"{folder}/frame1*.png").info
    assert [file.name for file in matched.files] == ["frame1.png", "frame10.png", "frame11.png"]


def test_audio_is_announced(tmp_path: Path) -> None:
    assert open_source(_mp4(tmp_path)).info.has_audio
    assert not open_source(_matroska(tmp_path)).info.has_audio


def test_strange_file_names_are_names(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a:b 100% [final]*.mp4", 2)
    assert open_source(str(path)).info.name == "a:b 100% [final]*"


def _file(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "match.mp4").write_bytes(content)
        return folder / "match.mp4"

    return make


def _text_file(folder: Path) -> Path:
    (folder / "notes.txt").write_text("first half, second half\n" * 50)
    return folder / "notes.txt"


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def _song_with_cover(folder: Path) -> Path:
    cover = av.VideoFrame.from_ndarray(numbered_picture(3), format="bgr24").reformat(format="yuvj420p")
    cover.pts = 0
    with av.open(str(folder / "song.m4a"), "w", format="mp4") as output:
        picture = output.add_stream("mjpeg", 1)
        picture.width, picture.height = SIZE
        picture.pix_fmt = "yuvj420p"
        picture.disposition = Disposition.attached_pic
        sound = output.add_stream("aac", 48_000)
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        silence.sample_rate = 48_000
        output.mux(picture.encode(cover) + picture.encode(None) + sound.encode(silence) + sound.encode(None))
    return folder / "song.m4a"


def _cut_index(faststart: bool, keep: float) -> Callable[[Path], Path]:
    return lambda folder: cut(write_video(folder / "match.mp4", 20, faststart=faststart), keep)


def _folder_of(*sizes: tuple[int, int]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        pictures: list[UInt8Image] = [numbered_picture(0, size) for size in sizes]
        return write_images(folder / "frames", pictures)

    return make


def _folder_of_broken_images(folder: Path) -> Path:
    (folder / "frame0.png").write_text("no picture")
    return folder


BAD_INPUT: dict[str, tuple[Callable[[Path], Path | str], str]] = {
    "missing file": (lambda folder: folder / "none.mp4", "none.mp4 does not exist"),
    "empty name": (lambda folder: "", "The input is an empty name; give a video file"),
    "name too long": (lambda folder: folder / ("x" * 300), r"xx cannot be read \(file name too long\)"),
    "missing folder": (lambda folder: folder / "none" / "none.mp4", "does not exist"),
    "folder without images": (lambda folder: folder, "holds no images .*give a video file"),
    "glob without a match": (lambda folder: folder / "*.png", r"No image matches .*\*\.png"),
    "glob of other files": (lambda folder: _text_file(folder).with_name("*"), "No image matches"),
    "empty file": (_file(b""), "is empty"),
    "text renamed": (_file(b"hello world\n" * 99), "is not a video"),
    "noise": (_file(np.random.default_rng(0).bytes(9999)), "is not a video"),
    "text file": (_text_file, "is a text file, not a video"),
    "sound only": (lambda folder: write_audio(folder / "talk.m4a"), "no video stream .sound only"),
    "sound with a cover picture": (_song_with_cover, "no video stream .sound only"),
    "index cut off": (_cut_index(False, 0.8), "has lost its index .*cut off"),
    "index cut in two": (_cut_index(True, 0.1), "has lost its index .*cut off"),
    "pipe": (_pipe, "is not a regular file.*not supported yet"),
    "images of two sizes": (_folder_of((96, 64), (64, 96)), "differ in size .*frame0.png is 96x64.*64x96"),
    "unreadable images": (_folder_of_broken_images, "None of the 1 images .* can be read"),
    "network stream": (lambda folder: "rtsp://10.0.0.1/stream", "rtsp://.* streams are not supported yet"),
    "web address": (lambda folder: "https://example.org/match.mp4", "streams are not supported yet"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_named_in_one_sentence(case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make, message = BAD_INPUT[case]
    given = make(tmp_path)
    with pytest.raises(VideoError, match=message) as caught:
        open_source(given)
    assert isinstance(caught.value, InputError)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")  # FFmpeg keeps its own words to itself
