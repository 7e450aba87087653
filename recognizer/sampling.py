"""Which frames of a sequence make a window; pure.

Training draws from all pictures of a sub-folder. The pipeline has chosen its crops by time and quality before, at most
as many as a window holds, so that they are only padded here.
"""

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from recognizer.checks import require_choice

SamplingMode = Literal["uniform", "random", "center"]

PADDING: Final = -1
"""Stands in a window where the sequence has no frame left."""


def sample_indices(
    count: int,
    length: int = 5,
    mode: SamplingMode = "uniform",
    anchor: int | None = None,
    anchor_first: bool = False,
    rng: np.random.Generator | None = None,
) -> NDArray[np.int64]:
    """Choose the frames of a window.

    Frames never repeat: a sequence shorter than the window is taken whole and padded at the end, so
    `sample_indices(3)` gives `[0, 1, 2, -1, -1]`. `sample_indices(9)` gives `[0, 2, 4, 6, 8]` and
    `sample_indices(9, mode="center")` gives `[2, 3, 4, 5, 6]`.

    Args:
        count: Frames in the sequence, at least 1.
        length: Frames in the window, at least 1.
        mode: `uniform` spreads the frames from the first to the last, `random` draws them without replacement,
            `center` takes neighbours around the middle.
        anchor: The clearest frame. It is always in the window: in place of the frame nearest to it (`uniform`),
            as one of the draws (`random`), or by moving the neighbours as little as needed (`center`).
        anchor_first: Whether the anchor stands first; the other frames keep their order in time. Without an anchor
            it changes nothing.
        rng: Source of chance; needed by `random` only.

    Returns:
        int64 (length,): frame indices in order of time (but for `anchor_first`), then `PADDING`.

    Raises:
        ValueError: A count or length under 1, an anchor outside the sequence, an unknown mode, or `random`
            without `rng`.
    """
    if count < 1 or length < 1:
        raise ValueError(f"count is {count} and length is {length}; both must be at least 1")
    if anchor is not None and not 0 <= anchor < count:
        raise ValueError(f"anchor is {anchor}; allowed is 0 to {count - 1}")
    require_choice("mode", mode, get_args(SamplingMode))
    if count <= length:
        chosen = np.arange(count, dtype=np.int64)
    elif mode == "uniform":
        chosen = _uniform(count, length, anchor)
    elif mode == "center":
        chosen = _center(count, length, anchor)
    else:
        chosen = _random(count, length, anchor, rng)
    if anchor is not None and anchor_first:
        chosen = np.concatenate(([anchor], chosen[chosen != anchor]))
    window = np.full(length, PADDING, dtype=np.int64)
    window[: len(chosen)] = chosen
    return window


def _uniform(count: int, length: int, anchor: int | None) -> NDArray[np.int64]:
    """Evenly spread, first and last frame included; a single frame is the middle one."""
    if length == 1:
        return np.array([(count - 1) // 2 if anchor is None else anchor], dtype=np.int64)
    chosen = np.arange(length, dtype=np.int64) * (count - 1) // (length - 1)
    if anchor is not None:
        chosen[np.abs(chosen - anchor).argmin()] = anchor
    return chosen


def _center(count: int, length: int, anchor: int | None) -> NDArray[np.int64]:
    """Neighbouring frames, as near to the middle as the anchor allows."""
    start = (count - length) // 2
    if anchor is not None:
        start = min(max(start, anchor - length + 1), anchor)
    return np.arange(start, start + length, dtype=np.int64)


def _random(count: int, length: int, anchor: int | None, rng: np.random.Generator | None) -> NDArray[np.int64]:
    """Drawn without replacement, then put in order of time."""
    if rng is None:
        raise ValueError("mode 'random' needs rng, a numpy.random.Generator")
    if anchor is None:
        return np.sort(rng.choice(count, size=length, replace=False)).astype(np.int64)
    others = rng.choice(count - 1, size=length - 1, replace=False)
    others = others + (others >= anchor)
    return np.sort(np.append(others, anchor)).astype(np.int64)
