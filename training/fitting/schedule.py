"""What changes while training goes on: learning rate, frozen share of the backbone, and when to stop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


def learning_rate_at(progress: float, peak: float, warmup: float, last: float = 0.02) -> float:
    """Linear warm-up, then a cosine (Loshchilov and Hutter 2017, "SGDR") down to a share of the peak.

    >>> round(learning_rate_at(1.0, 1.0, 0.1), 3)
    0.02

    Args:
        progress: share of the steps already made, 0 to 1.
        peak: highest rate.
        warmup: share of the steps in which the rate rises, 0 up to 1.
        last: share of the peak that is left at the end.
    """
    if progress < warmup:
        return peak * progress / warmup
    share = min(1.0, (progress - warmup) / (1.0 - warmup))
    return peak * (last + (1.0 - last) * 0.5 * (1.0 + math.cos(math.pi * share)))


def frozen_share_at(epoch: int, unfreezing: Sequence[tuple[int, float]], start: float) -> float:
    """Share of the backbone's tensors that an epoch leaves untrained.

    >>> [frozen_share_at(epoch, [(2, 0.3), (4, 0.0)], 0.6) for epoch in range(5)]
    [0.6, 0.6, 0.3, 0.3, 0.0]

    Args:
        epoch: counted from 0.
        unfreezing: (epoch, share) pairs, each from its epoch on.
        start: share before the first of them.
    """
    return next((share for first, share in sorted(unfreezing, reverse=True) if epoch >= first), start)


def average_decay_at(step: int, decay: float) -> float:
    """Decay of the weights' moving average, small at first so that the first weights are soon forgotten.

    >>> average_decay_at(0, 0.99), average_decay_at(10_000, 0.99)
    (0.1, 0.99)
    """
    return min(decay, (1 + step) / (10 + step))


@dataclass(slots=True)
class EarlyStopping:
    """Watches one figure, higher is better, and says when it is the best and when it has stopped to rise.

    >>> watch = EarlyStopping(patience=2, min_delta=0.01)
    >>> [watch.update(value, loss) for value, loss in ((0.5, 2.0), (0.505, 1.0), (0.52, 1.0), (0.52, 0.9), (0.4, 0.1))]
    [True, False, True, True, False]
    >>> watch.exhausted
    True
    """

    patience: int
    """Epochs without progress after which training stops; 0 never stops."""
    min_delta: float
    """By how much the best value must be exceeded to count as progress."""
    best: float = -math.inf
    best_loss: float = math.inf
    """Loss that came with the best value."""
    waited: int = 0
    """Epochs since the last progress."""

    def update(self, value: float, loss: float) -> bool:
        """Take an epoch's figure and loss; returns whether it is the best so far.

        An equal figure with a lower loss is better too, but no progress.
        """
        progress = value > self.best + self.min_delta
        better = progress or (value == self.best and loss < self.best_loss)
        if better:
            self.best, self.best_loss = value, loss
        self.waited = 0 if progress else self.waited + 1
        return better

    @property
    def exhausted(self) -> bool:
        """Whether training should stop."""
        return 0 < self.patience <= self.waited
