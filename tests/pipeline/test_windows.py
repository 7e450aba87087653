"""Windows: what is taken is read, tracks never mix, nothing repeats, nothing is kept of the dead."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.types import Crop, CropWindow
from pipeline.windows import WindowBuffer, WindowSettings
from recognizer.preprocess import Preprocess

PREPROCESS = Preprocess(size=8)
EVERY_CROP = WindowSettings(spacing_seconds=0.0, min_quality=0.0)


def crop(track_id: int, frame: int, quality: float = 0.5, seconds: float | None = None) -> Crop:
    rgb = np.full((8, 8, 3), frame % 256, np.uint8)
    return Crop(track_id, frame, frame * 0.04 if seconds is None else seconds, rgb, quality)


def run(buffer: WindowBuffer, crops: list[Crop]) -> list[CropWindow]:
    windows = []
    for one in crops:
        windows += buffer.push(one)
        windows += buffer.evict(one.time_seconds)
    return windows + buffer.flush()


def frames(windows: list[CropWindow]) -> list[list[int]]:
    return [window.frame_indices.tolist() for window in windows]


def test_full_windows_follow_each_other_and_the_rest_is_the_newest_crops() -> None:
    windows = run(WindowBuffer(EVERY_CROP, PREPROCESS), [crop(1, frame) for frame in range(12)])
    assert frames(windows) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [7, 8, 9, 10, 11]]
    assert all(window.valid.all() for window in windows)


def test_stride_makes_windows_overlap() -> None:
    overlapping = WindowSettings(spacing_seconds=0.0, stride=2)
    windows = run(WindowBuffer(overlapping, PREPROCESS), [crop(1, frame) for frame in range(9)])
    assert frames(windows) == [[0, 1, 2, 3, 4], [2, 3, 4, 5, 6], [4, 5, 6, 7, 8]]


def test_a_short_track_is_padded_and_the_padding_is_masked() -> None:
    [window] = run(WindowBuffer(EVERY_CROP, PREPROCESS), [crop(1, 3), crop(1, 4, 0.9), crop(1, 5)])
    assert window.frame_indices.tolist() == [3, 4, 5, -1, -1]
    assert window.valid.tolist() == [True, True, True, False, False]
    assert [held.rgb[0, 0, 0] for held in window.crops[:3] if held] == [3, 4, 5]
    assert window.crops[3:] == (None, None)
    assert (window.anchor, window.quality) == (1, 0.9)


def test_the_best_crop_of_each_stretch_of_time_is_taken() -> None:
    spread = WindowSettings(spacing_seconds=0.12, min_quality=0.0)
    qualities = [0.1, 0.8, 0.3, 0.2, 0.1, 0.9, 0.4]
    windows = run(WindowBuffer(spread, PREPROCESS), [crop(1, i, quality) for i, quality in enumerate(qualities)])
    assert frames(windows) == [[1, 5, 6, -1, -1]]
    assert windows[0].anchor == 1


def test_stretches_follow_the_stream_s_time_not_the_frame_count() -> None:
    spread = WindowSettings(spacing_seconds=0.12, min_quality=0.0)
    times = [0.0, 0.01, 0.02, 5.0, 5.5, 5.51]
    windows = run(WindowBuffer(spread, PREPROCESS), [crop(1, i, 0.5, seconds) for i, seconds in enumerate(times)])
    assert frames(windows) == [[0, -1, -1, -1, -1], [3, 4, -1, -1, -1]]


def test_crops_below_the_least_quality_are_never_taken() -> None:
    picky = WindowSettings(spacing_seconds=0.0, min_quality=0.3)
    windows = run(WindowBuffer(picky, PREPROCESS), [crop(1, 0, 0.29), crop(1, 1, 0.3), crop(2, 1, 0.1)])
    assert frames(windows) == [[1, -1, -1, -1, -1]]


def test_dead_tracks_are_read_and_forgotten() -> None:
    buffer = WindowBuffer(EVERY_CROP, PREPROCESS)
    buffer.push(crop(1, 0, seconds=0.0))
    buffer.push(crop(2, 1, seconds=1.5))
    assert frames(buffer.evict(2.0)) == []
    assert frames(buffer.evict(2.1)) == [[0, -1, -1, -1, -1]]
    assert frames(buffer.flush()) == [[1, -1, -1, -1, -1]], "the dead one is forgotten"
    assert buffer.flush() == []


def test_a_track_that_comes_back_after_a_gap_starts_a_window_of_its_own() -> None:
    buffer = WindowBuffer(EVERY_CROP, PREPROCESS)
    buffer.push(crop(1, 0, seconds=0.0))
    assert frames(buffer.push(crop(1, 1, seconds=3.0))) == [[0, -1, -1, -1, -1]]
    assert frames(buffer.flush()) == [[1, -1, -1, -1, -1]]


def test_a_flushed_buffer_is_empty() -> None:
    buffer = WindowBuffer(EVERY_CROP, PREPROCESS)
    run(buffer, [crop(1, 0)])
    assert buffer.flush() == []


def test_each_taken_crop_is_preprocessed_as_the_recognizer_says() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)
    buffer = WindowBuffer(EVERY_CROP, PREPROCESS)
    buffer.push(Crop(1, 0, 0.0, rgb, 0.5))
    [window] = buffer.flush()
    assert window.crops[0] is not None
    assert np.array_equal(window.crops[0].rgb, PREPROCESS.apply(rgb))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"length": 0}, "length is 0; allowed is 1 to 64"),
        ({"stride": 0}, "stride is 0; allowed is 1 to length"),
        ({"length": 3, "stride": 4}, r"stride is 4; allowed is 1 to length \(3\)"),
        ({"spacing_seconds": -0.1}, "spacing_seconds is -0.1; allowed is 0 to 10"),
        ({"min_quality": 1.1}, "min_quality is 1.1; allowed is 0 to 1"),
        ({"max_gap_seconds": 0.1}, "max_gap_seconds is 0.1; allowed is above spacing_seconds"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowSettings(**values)  # type: ignore[arg-type]  # a mix of int and float fields


@st.composite
def streams(draw: st.DrawFn) -> tuple[WindowSettings, list[Crop]]:
    """Any settings, and crops of a few tracks in time order, at most one per track and frame."""
    length = draw(st.integers(1, 6))
    chosen = WindowSettings(
        length=length,
        stride=draw(st.integers(1, length)),
        spacing_seconds=draw(st.sampled_from([0.0, 0.04, 0.12, 0.5])),
        min_quality=draw(st.sampled_from([0.0, 0.4])),
        max_gap_seconds=draw(st.sampled_from([0.6, 2.0])),
    )
    crops = []
    seconds = 0.0
    for frame in range(draw(st.integers(0, 40))):
        seconds += draw(st.sampled_from([0.02, 0.04, 0.04, 0.3, 3.0]))
        for track_id in sorted(draw(st.sets(st.integers(1, 3)))):
            crops.append(crop(track_id, frame, draw(st.sampled_from([0.1, 0.4, 0.7, 1.0])), seconds))
    return chosen, crops


@given(streams())
@settings(max_examples=200)
def test_properties_of_any_stream(stream: tuple[WindowSettings, list[Crop]]) -> None:
    chosen, crops = stream
    windows = run(WindowBuffer(chosen, PREPROCESS), crops)
    by_key = {(one.track_id, one.frame_index): one for one in crops}
    for window in windows:
        assert window.valid.any()
        assert window.valid.shape == (chosen.length,)
        assert (window.frame_indices >= 0).tolist() == window.valid.tolist()
        taken = [by_key[window.track_id, frame] for frame in window.frame_indices[window.valid].tolist()]
        times = [one.time_seconds for one in taken]
        assert times == sorted(set(times)), "a crop repeats or stands out of order"
        assert all(
            later - earlier <= chosen.max_gap_seconds + 2 * chosen.spacing_seconds + 1e-9
            for earlier, later in pairwise(times)
        )
        assert all(one.quality >= chosen.min_quality for one in taken)
        assert window.quality == max(one.quality for one in taken) == taken[window.anchor].quality
    if chosen.spacing_seconds == 0.0:
        usable = {key for key, one in by_key.items() if one.quality >= chosen.min_quality}
        read = {(w.track_id, frame) for w in windows for frame in w.frame_indices[w.valid].tolist()}
        assert read == usable, "every crop that is taken lands in a window"


@given(streams())
@settings(max_examples=100)
def test_every_stretch_of_a_track_is_read(stream: tuple[WindowSettings, list[Crop]]) -> None:
    chosen, crops = stream
    windows = run(WindowBuffer(chosen, PREPROCESS), crops)
    seconds = {(one.track_id, one.frame_index): one.time_seconds for one in crops}
    for one in crops:
        if one.quality >= chosen.min_quality:
            read = [
                seconds[w.track_id, f]
                for w in windows
                if w.track_id == one.track_id
                for f in w.frame_indices[w.valid].tolist()
            ]
            nearest = min(abs(time - one.time_seconds) for time in read)
            assert nearest <= chosen.spacing_seconds + 1e-6
