"""Learning a match's own numerals: the digit heads are trained on crops of it whose number is known.

A typeface that the network has never seen is read for less than it could be, alike in all tracks of a kit. Some tracks
show their number so plainly that it is known all the same, and they teach the rest (self-training; Lee 2013,
Pseudo-Label). Only the two digit heads learn, from features that are there already, which takes a second. What keeps
them from taking every number for one of the known ones is that of all other crops they shall say about what they said
before (Li and Hoiem 2016, Learning without Forgetting).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from recognizer.labels import EMPTY, encode
from recognizer.model import JerseyTemporalNet

_NAMED, _BLANK, _OTHERS = 48, 16, 64
"""Crops of each kind in a step."""
_BLANK_WEIGHT: Final = 0.5
_SMOOTHING: Final = 0.05
_WARM_UP: Final = 20
"""Steps over which the learning rate rises, while all along it falls to 0 in a straight line: of 60 steps, the 20th has
the highest, 0.68 of what is set."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Features of single crops of one match, from `JerseyTemporalNet.encode_frames`."""

    named: torch.Tensor
    """(N, C) of crops that show a number which is known; N at least 1."""
    numbers: Sequence[str]
    """The number in each of them."""
    blank: torch.Tensor
    """(M, C) of crops that show none; M may be 0."""
    others: torch.Tensor
    """(K, C) of crops of all kinds, of which the network shall say about what it says now; K at least 1."""

    def to(self, device: torch.device) -> "Examples":
        """The same on a device."""
        parts = (self.named.to(device), self.numbers, self.blank.to(device), self.others.to(device))
        return Examples(*parts)


def adapt_heads(model: JerseyTemporalNet, examples: Examples, *, steps: int, learning_rate: float, stay: float) -> None:
    """Train the digit heads, in place.

    The loss of a step is the cross-entropy of crops with a known number, each number as often as any other, and of
    crops without one, and `stay` times the Kullback-Leibler divergence from what was said of other crops before.

    Args:
        model: In serving mode, in float32; stays so.
        examples: On the model's device.
        steps: Of the optimizer.
        learning_rate: Of AdamW.
        stay: Weight of saying the same as before, 0 or more.
    """
    draw = np.random.default_rng(0)
    places: dict[str, list[int]] = defaultdict(list)
    for place, number in enumerate(examples.numbers):
        places[number].append(place)
    known = list(places.values())
    named, blank, others = (_summaries(model, part) for part in (examples.named, examples.blank, examples.others))
    labels = torch.tensor([encode(number) for number in examples.numbers], device=named.device)
    heads: tuple[nn.Module, ...] = (model.tens_head, model.units_head)
    with torch.no_grad():
        before = [F.log_softmax(head(others), dim=1) for head in heads]
    weights = [weight for head in heads for weight in head.parameters()]
    trained = [weight.requires_grad for weight in weights]
    optimizer = torch.optim.AdamW(weights, lr=learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / _WARM_UP) * (1.0 - step / steps)
    )
    for weight in weights:
        weight.requires_grad_(True)
    for _ in range(steps):
        shown = [int(draw.choice(known[number])) for number in draw.integers(len(known), size=_NAMED)]
        empty = draw.integers(len(blank), size=_BLANK) if len(blank) else np.zeros(0, np.int64)
        kept = draw.integers(len(others), size=_OTHERS)
        batch = torch.cat([named[shown], blank[empty], others[kept]])
        loss = batch.new_zeros(())
        for head, digit, said in zip(heads, labels.T, before, strict=True):
            of_named, of_blank, of_others = head(batch).split([_NAMED, len(empty), _OTHERS])
            loss = loss + F.cross_entropy(of_named, digit[shown], label_smoothing=_SMOOTHING)
            if len(empty):
                loss = loss + _BLANK_WEIGHT * F.cross_entropy(of_blank, torch.full_like(of_blank[:, 0], EMPTY).long())
            now = F.log_softmax(of_others, dim=1)
            loss = loss + stay * F.kl_div(now, said[kept], reduction="batchmean", log_target=True)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own stub lacks the types
        optimizer.step()
        schedule.step()
    for weight, was in zip(weights, trained, strict=True):
        weight.requires_grad_(was)


@torch.no_grad()
def _summaries(model: JerseyTemporalNet, features: torch.Tensor) -> torch.Tensor:
    """What the heads are given of crops read alone: (N, width) of features (N, C)."""
    valid = torch.ones(len(features), 1, dtype=torch.bool, device=features.device)
    return model.summarize(features[:, None], valid)[0]
