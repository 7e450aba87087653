"""Moving average of the weights, which reads steadier than the weights of any one step."""

import copy

import torch

from recognizer.model import JerseyTemporalNet
from training.fitting.schedule import average_decay_at


class MovingAverage:
    """Exponential moving average of a network's parameters and buffers; counters are copied.

    Args:
        model: what is averaged; its present state is the start.
        decay: share kept at each step once the average has warmed up, 0 up to 1; 0 follows the network exactly.
    """

    def __init__(self, model: JerseyTemporalNet, decay: float) -> None:
        self.module = copy.deepcopy(model).requires_grad_(False).eval()
        self.steps = 0
        self._decay = decay

    @torch.no_grad()
    def update(self, model: JerseyTemporalNet) -> None:
        """Take in the network's state after a step."""
        keep = average_decay_at(self.steps, self._decay)
        own, new = self.module.state_dict(), model.state_dict()
        floating = [name for name, tensor in own.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([own[name] for name in floating], [new[name] for name in floating], 1.0 - keep)
        for name, tensor in own.items():
            if not tensor.is_floating_point():
                tensor.copy_(new[name])
        self.steps += 1
