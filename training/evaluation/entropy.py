"""How sharply a network's attentions choose, over the windows of a data set."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from recognizer.model import JerseyTemporalNet
from recognizer.preprocess import normalize
from training.data.dataset import WindowDataset


class Entropy(NamedTuple):
    """Of one attention's weights, over windows (temporal) or crops (spatial)."""

    mean: float
    """Mean of the entropy as a share of the largest possible: 0 looks at one place alone, 1 at all alike."""
    std: float
    nats: float
    """Mean of the entropy itself."""
    effective: float
    """Mean of exp(entropy): how many frames (or places) count."""
    cases: int
    """Windows with at least two frames, or crops."""


class AttentionFigures(NamedTuple):
    """What both attentions do."""

    temporal: Entropy | None
    """Over the frames of a window; None without a window of two frames."""
    spatial: Entropy | None
    """Over the places of a crop's feature map; None without spatial attention, or where the map is one place."""
    largest_weight: float | None
    """Mean weight of each window's heaviest frame, over the same windows as `temporal`."""
    anchor_first: float | None
    """Share of those windows, with a marked anchor in them, whose heaviest frame is the anchor."""


def entropy(weights: NDArray[np.float64], counts: NDArray[np.int64]) -> Entropy | None:
    """Sum up the entropy of weights that choose among two or more places.

    >>> entropy(np.array([[0.5, 0.5, 0.0]]), np.array([2])).mean
    1.0

    Args:
        weights: (N, K), each row sums to 1; places that do not exist have weight 0.
        counts: int (N,), places that exist in each row.

    Returns:
        None where no row has two places.
    """
    several = counts >= 2
    if not several.any():
        return None
    rows = weights[several]
    logs = np.log(np.where(rows > 0, rows, 1.0))
    nats = -(rows * logs).sum(axis=1)
    share = nats / np.log(counts[several])
    return Entropy(float(share.mean()), float(share.std()), float(nats.mean()), float(np.exp(nats).mean()), len(rows))


@torch.inference_mode()
def measure_attention(
    model: JerseyTemporalNet, dataset: WindowDataset, batch: int, progress: Callable[[int], None]
) -> AttentionFigures:
    """Read a data set and look at the attentions.

    Args:
        model: In serving mode, in single precision.
        dataset: Windows preprocessed as the network wants them.
        batch: Windows per pass.
        progress: Called with the number of windows just read.
    """
    device = next(model.parameters()).device
    weights, maps, counts, anchors = [], [], [], []
    for start in range(0, len(dataset), batch):
        places = range(start, min(start + batch, len(dataset)))
        windows = [dataset[place] for place in places]
        valid = np.stack([window.valid for window in windows])
        rgb = torch.from_numpy(np.stack([window.rgb for window in windows])).to(device)
        output = model(normalize(rgb), torch.from_numpy(valid).to(device))
        weights.append(output.frame_weights.double().cpu().numpy())
        maps.append(output.spatial_maps.double().cpu().numpy()[valid].reshape(int(valid.sum()), -1))
        counts.append(valid.sum(axis=1))
        anchors += [
            _position(window.places, dataset.items[place].anchor) for window, place in zip(windows, places, strict=True)
        ]
        progress(len(places))
    return _figures(model, np.concatenate(weights), np.concatenate(maps), np.concatenate(counts), np.array(anchors))


def _figures(
    model: JerseyTemporalNet,
    weights: NDArray[np.float64],
    maps: NDArray[np.float64],
    counts: NDArray[np.int64],
    anchors: NDArray[np.int64],
) -> AttentionFigures:
    several = counts >= 2
    marked = several & (anchors >= 0)
    heaviest = weights.argmax(axis=1)
    total = maps.sum(axis=1, keepdims=True)
    shares = np.divide(maps, total, out=np.full(maps.shape, 1 / maps.shape[1]), where=total > 0)
    places = np.full(len(shares), maps.shape[1], np.int64)
    return AttentionFigures(
        temporal=entropy(weights, counts),
        spatial=None if model.spatial_attention is None else entropy(shares, places),
        largest_weight=_mean(weights.max(axis=1)[several]),
        anchor_first=_mean((heaviest == anchors)[marked]),
    )


def _position(places: NDArray[np.int64], anchor: int | None) -> int:
    """Where the anchor stands in a window; -1 where it does not."""
    found = np.flatnonzero(places == anchor) if anchor is not None else np.zeros(0, np.int64)
    return int(found[0]) if len(found) else -1


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float | None:
    found = float(values.mean()) if len(values) else math.nan
    return None if math.isnan(found) else found
