"""Video files that are damaged or cut off: decoding goes on, what is lost is counted, nothing is made up."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from factories import cut, damage, numbered_pictures, read_index, write_images, write_video

from pipeline.media.video import VideoError, open_source
from pipeline.types import UInt8Image

COUNT = 120
KEY_FRAMES = {"g": "20"}


def busy_pictures(count: int) -> list[UInt8Image]:
    """Numbered pictures under changing noise, so that each takes a good part of the file."""
    noise = np.random.default_rng(1).integers(0, 50, (128, 192, 3), np.uint8)
    return [
        (picture // 5 * 4 + np.roll(noise, 5 * index, axis=1)).astype(np.uint8)
        for index, picture in enumerate(numbered_pictures(count, (192, 128)))
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same video in several containers."""
    folder, pictures = tmp_path_factory.mktemp("whole"), busy_pictures(COUNT)
    mp4 = write_video(folder / "match.mp4", pictures, options=KEY_FRAMES)
    mkv = write_video(folder / "match.mkv", pictures, options=KEY_FRAMES)
    ts = write_video(folder / "match.ts", pictures, options=KEY_FRAMES, time_base=Fraction(1, 90_000))
    return {path.suffix: path.read_bytes() for path in (mp4, mkv, ts)}


@pytest.fixture(params=[".mp4", ".mkv", ".ts"])
def path(request: pytest.FixtureRequest, whole: dict[str, bytes], tmp_path: Path) -> Path:
    """A fresh copy to break."""
    copy = tmp_path / f"match{request.param}"
    copy.write_bytes(whole[request.param])
    return copy


@pytest.mark.parametrize("at", [0.3, 0.5, 0.7])
def test_damage_in_the_middle_is_counted_and_decoding_goes_on(path: Path, at: float) -> None:
    damage(path, at, length=30_000, fill=b"\0")
    source = open_source(path)
    frames = list(source.frames())
    assert source.frames_lost > 0 or source.truncated
    assert 0 < len(frames) < COUNT
    assert [frame.index for frame in frames] == list(range(len(frames)))
    before = [frame for frame in frames if frame.time < Fraction(at - 0.1) * COUNT / 25]
    assert before
    assert [read_index(frame.bgr) for frame in before] == list(range(len(before)))
    assert all(frame.bgr.any() for frame in frames)


def test_mp4_frames_and_losses_add_up(whole: dict[str, bytes], tmp_path: Path) -> None:
    for at in (0.2, 0.4, 0.6, 0.8):
        (tmp_path / "match.mp4").write_bytes(whole[".mp4"])
        source = open_source(damage(tmp_path / "match.mp4", at, length=30_000, fill=b"\0"))
        frames = list(source.frames())
        assert len(frames) + source.frames_lost == COUNT
        assert not source.truncated
        assert frames[-1].time == Fraction(COUNT - 1, 25)  # times stay true behind the gap


@pytest.mark.parametrize("seed", range(4))
def test_what_a_transport_stream_lost_on_the_way_is_counted(seed: int, whole: dict[str, bytes], tmp_path: Path) -> None:
    """Packets of 188 bytes that never arrived, as on a bad line."""
    data, packet = whole[".ts"], 188
    rng = np.random.default_rng(seed)
    for lost in (10, 150):
        first = int(rng.integers(len(data) // packet // 4, len(data) // packet // 2)) * packet
        path = tmp_path / f"{lost}.ts"
        path.write_bytes(data[:first] + data[first + lost * packet :])
        source = open_source(path)
        frames = list(source.frames())
        missing = COUNT - len(frames)
        assert missing > 0
        assert abs(source.frames_lost - missing) <= 1


def test_passes_over_a_damaged_file_agree(path: Path) -> None:
    for at in (0.35, 0.65):
        damage(path, at, length=700)
    source = open_source(path)
    passes = []
    for _ in range(4):
        times = [(frame.index, frame.time) for frame in source.frames()]
        passes.append((times, source.frames_lost, source.truncated))
    assert all(other == passes[0] for other in passes)


def test_losses_outside_the_span_do_not_count(whole: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "match.mp4"
    path.write_bytes(whole[".mp4"])
    damage(path, 0.5, length=30_000, fill=b"\0")
    for start, duration, losses in [(0.0, 1.6, False), (3.6, None, False), (0.0, None, True)]:
        source = open_source(path, start, duration)
        assert list(source.frames())
        assert (source.frames_lost > 0) is losses
        assert not source.truncated


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_file_cut_off_is_read_as_far_as_it_goes(path: Path, keep: float) -> None:
    cut(path, keep)
    source = open_source(path)
    frames = [read_index(frame.bgr) for frame in source.frames()]
    intact = round((keep - 0.15) * COUNT)
    assert intact < len(frames) < (keep + 0.15) * COUNT
    assert frames[:intact] == list(range(intact))
    assert source.truncated or path.suffix == ".ts"  # a transport stream has no end to miss


def test_span_within_the_intact_part_of_a_cut_file_is_whole(whole: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "match.mp4"
    path.write_bytes(whole[".mp4"])
    source = open_source(cut(path, 0.6), 0.0, 1.0)
    assert sum(1 for _ in source.frames()) == 25
    assert (source.frames_lost, source.truncated) == (0, False)


def test_file_without_one_whole_frame_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "match.mp4", busy_pictures(5))
    damage(path, 0.5, length=path.stat().st_size - 1500, fill=b"\0")
    with pytest.raises(VideoError, match=r"No picture of .* can be decoded"):
        open_source(path)


def test_decoder_keeps_its_complaints_to_itself(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in open_source(damage(path, 0.5, length=2000)).frames():
        pass
    assert capfd.readouterr() == ("", "")


def test_unreadable_images_are_counted_and_leave_a_gap(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "frames", 12)
    (folder / "frame3.png").write_text("no picture")
    cut(folder / "frame7.png", 0.5)
    source = open_source(folder)
    frames = list(source.frames())
    assert source.frames_lost == 2
    assert [frame.index for frame in frames] == list(range(10))
    assert [read_index(frame.bgr) for frame in frames] == [0, 1, 2, 4, 5, 6, 8, 9, 10, 11]
    assert [frame.time * 25 for frame in frames] == [0, 1, 2, 4, 5, 6, 8, 9, 10, 11]
