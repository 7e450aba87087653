"""Which frames make a window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.sampling import PADDING, SamplingMode, sample_indices

MODES: tuple[SamplingMode, ...] = ("uniform", "random", "center")


@st.composite
def requests(draw: st.DrawFn) -> tuple[int, int, SamplingMode, int | None, bool, int]:
    count = draw(st.integers(1, 60))
    anchor = draw(st.none() | st.integers(0, count - 1))
    return (
        count,
        draw(st.integers(1, 12)),
        draw(st.sampled_from(MODES)),
        anchor,
        draw(st.booleans()),
        draw(st.integers(0, 9)),
    )


@given(requests())
def test_windows_hold_distinct_frames_in_order_and_end_in_padding(
    request: tuple[int, int, SamplingMode, int | None, bool, int],
) -> None:
    count, length, mode, anchor, anchor_first, seed = request
    window = sample_indices(count, length, mode, anchor, anchor_first, np.random.default_rng(seed))
    taken = min(count, length)
    assert window.dtype == np.int64
    assert window.shape == (length,)
    assert (window[taken:] == PADDING).all()
    frames = window[:taken]
    assert ((frames >= 0) & (frames < count)).all()
    assert len(np.unique(frames)) == taken
    in_time = frames
    if anchor is not None:
        assert anchor in frames
        if anchor_first:
            assert frames[0] == anchor
            in_time = frames[1:]
    assert (np.diff(in_time) > 0).all()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"count": 9}, [0, 2, 4, 6, 8]),
        ({"count": 7}, [0, 1, 3, 4, 6]),
        ({"count": 3}, [0, 1, 2, -1, -1]),
        ({"count": 9, "mode": "center"}, [2, 3, 4, 5, 6]),
        ({"count": 9, "mode": "center", "anchor": 8}, [4, 5, 6, 7, 8]),
        ({"count": 9, "anchor": 5}, [0, 2, 5, 6, 8]),
        ({"count": 9, "anchor": 5, "anchor_first": True}, [5, 0, 2, 6, 8]),
        ({"count": 3, "anchor": 1, "anchor_first": True}, [1, 0, 2, -1, -1]),
        ({"count": 9, "length": 1}, [4]),
        ({"count": 9, "length": 1, "anchor": 7}, [7]),
    ],
)
def test_known_windows(arguments: dict[str, object], expected: list[int]) -> None:
    assert sample_indices(**arguments).tolist() == expected  # type: ignore[arg-type]  # mixed keyword values


def test_uniform_reaches_both_ends() -> None:
    window = sample_indices(137)
    assert window[0] == 0
    assert window[-1] == 136


def test_random_follows_its_source_and_reaches_every_frame() -> None:
    first = sample_indices(40, mode="random", rng=np.random.default_rng(3))
    assert first.tolist() == sample_indices(40, mode="random", rng=np.random.default_rng(3)).tolist()
    rng = np.random.default_rng(0)
    seen = {int(frame) for _ in range(200) for frame in sample_indices(8, 3, "random", 2, rng=rng)}
    assert seen == set(range(8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "must be at least 1"),
        ({"count": 3, "length": 0}, "must be at least 1"),
        ({"count": 3, "anchor": 3}, "anchor is 3; allowed is 0 to 2"),
        ({"count": 3, "mode": "middle"}, "allowed are uniform, random, center"),
        ({"count": 9, "mode": "random"}, "needs rng"),
    ],
)
def test_impossible_requests_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample_indices(**arguments)  # type: ignore[arg-type]  # wrong on purpose
