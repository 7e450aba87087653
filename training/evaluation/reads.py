"""Reads each sub-folder three times: its window, its best frame alone and one random frame alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.crops import sharpness
from recognizer.reader import JerseyReader, ReaderOutput
from training.data.dataset import Window, WindowDataset
from training.data.layout import SubSequence

WINDOW: Final = "window"
BEST: Final = "best frame"
RANDOM: Final = "random frame"
VIEWS: Final = (WINDOW, BEST, RANDOM)

Progress = Callable[[int], None]
"""Called with the number of windows just read."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What the network says about N sub-folders."""

    items: tuple[SubSequence, ...]
    """The sub-folders, N in all."""
    codes: NDArray[np.int64]
    """int64 (N, 2), true tens and units class."""
    views: Mapping[str, ReaderOutput]
    """Each of `VIEWS`, N rows each; a single frame is repeated to the window's length."""
    marked: int
    """Sub-folders whose best frame is the marked anchor; in the others it is the window's sharpest crop."""

    @property
    def window(self) -> ReaderOutput:
        """The reads of whole windows."""
        return self.views[WINDOW]


def read_views(reader: JerseyReader, dataset: WindowDataset, seed: int, batch: int, progress: Progress) -> Reads:
    """Read every window of a data set, and two of its frames alone.

    The costly part runs once per crop: the best frame is always in the window.

    Args:
        reader: The network.
        dataset: Its windows, preprocessed as the reader wants them, not drawn at random.
        seed: Draws the random frame.
        batch: Windows per pass.
        progress: Called after each pass.
    """
    parts: dict[str, list[ReaderOutput]] = {view: [] for view in VIEWS}
    marked = 0
    for start in range(0, len(dataset), batch):
        places = range(start, min(start + batch, len(dataset)))
        windows = [dataset[place] for place in places]
        bests = [
            best_position(window, dataset.items[place].anchor) for window, place in zip(windows, places, strict=True)
        ]
        marked += sum(is_marked for _, is_marked in bests)
        drawn = np.stack([_random_crop(dataset, place, seed) for place in places])
        for view, output in _read_batch(reader, windows, [position for position, _ in bests], drawn).items():
            parts[view].append(output)
        progress(len(places))
    joined = {view: ReaderOutput(*map(np.concatenate, zip(*outputs, strict=True))) for view, outputs in parts.items()}
    return Reads(dataset.items, dataset.codes, joined, marked)


def best_position(window: Window, anchor: int | None) -> tuple[int, bool]:
    """Where in a window its best frame stands.

    Args:
        window: At least one valid frame.
        anchor: Place of the marked frame in the sub-folder, where one is marked.

    Returns:
        The marked frame's position and True, or the position of the sharpest crop and False.
    """
    found = np.flatnonzero(window.valid & (window.places == anchor)) if anchor is not None else np.zeros(0, np.int64)
    if len(found):
        return int(found[0]), True
    clarity = [sharpness(crop) if valid else -1.0 for crop, valid in zip(window.rgb, window.valid, strict=True)]
    return int(np.argmax(clarity)), False


def _random_crop(dataset: WindowDataset, place: int, seed: int) -> NDArray[np.uint8]:
    """One readable frame of a sub-folder, (S, S, 3); it depends on the seed and the sub-folder alone."""
    frames = [frame for frame in dataset.items[place].frames if frame in dataset.cache.row_of]
    chosen = frames[int(np.random.default_rng([seed, place]).integers(len(frames)))]
    return np.asarray(dataset.cache.crops[dataset.cache.row_of[chosen]])


def _read_batch(
    reader: JerseyReader, windows: list[Window], best: list[int], drawn: NDArray[np.uint8]
) -> dict[str, ReaderOutput]:
    """One batch of windows in all views; `drawn` holds their random crops, (B, S, S, 3)."""
    rgb, valid = np.stack([window.rgb for window in windows]), np.stack([window.valid for window in windows])
    encoded = reader.encode(np.concatenate([rgb[valid], drawn]))
    mask = torch.from_numpy(valid).to(encoded.device)
    features = encoded.new_zeros(*valid.shape, encoded.shape[1])
    features[mask] = encoded[: int(valid.sum())]
    singles = {BEST: features[torch.arange(len(best)), torch.tensor(best)], RANDOM: encoded[-len(windows) :]}
    whole = torch.ones_like(mask)
    outputs = {WINDOW: reader.read_features(features, mask)}
    for view, single in singles.items():
        outputs[view] = reader.read_features(single[:, None].expand(-1, valid.shape[1], -1), whole)
    return outputs
