"""What a network consists of, counted and summed up."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import nn

from recognizer.labels import CLASSES_PER_DIGIT, EMPTY
from recognizer.model import JerseyTemporalNet, ModelConfig

BYTES_PER_MEGABYTE: Final = 1_000_000
_FIRST: Final = 3


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the network."""

    name: str
    parameters: int
    trainable: int
    """Parameters a new network of this configuration trains: its frozen backbone tensors are left out."""
    share: float
    """Of all the network's parameters, 0 to 1."""
    tensors: int
    first_shapes: tuple[tuple[str, tuple[int, ...]], ...]
    """Names and shapes of the first three tensors."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The whole network, counted."""

    components: tuple[Component, ...]
    parameters: int
    trainable: int
    tensors: int
    buffers: int
    """Values that are stored but not trained: running statistics and counters of batch norms."""

    def megabytes(self, bytes_per_value: int) -> float:
        """Size of all parameters in MB (10^6 bytes), buffers left out: 4 bytes a value for fp32, 2 for fp16."""
        return self.parameters * bytes_per_value / BYTES_PER_MEGABYTE


class Spread(NamedTuple):
    """Statistics of a tensor's values."""

    mean: float
    std: float
    minimum: float
    maximum: float


class HeadOutput(NamedTuple):
    """The last layer of a digit head: its rows are the eleven classes."""

    weight: Spread
    bias: Spread
    class_norms: tuple[float, ...]
    """(11,) length of each class's weight vector."""
    class_biases: tuple[float, ...]
    """(11,)"""

    @property
    def empty_bias(self) -> float:
        """Bias of the empty class over the mean of the ten digits': how much the head leans to 'no digit'."""
        return self.class_biases[EMPTY] - float(np.mean(self.class_biases[:EMPTY]))


def count_parameters(config: ModelConfig) -> Architecture:
    """Count a new network of this configuration; no weights are made.

    >>> count_parameters(ModelConfig()).parameters
    15159640

    Args:
        config: The architecture; its `frozen_fraction` decides what is trainable.
    """
    with torch.device("meta"):
        model = JerseyTemporalNet(config)
    total = sum(parameter.numel() for parameter in model.parameters())
    components = tuple(_component(name, part, total) for name, part in model.named_children())
    return Architecture(
        components=components,
        parameters=total,
        trainable=sum(part.trainable for part in components),
        tensors=sum(part.tensors for part in components),
        buffers=sum(buffer.numel() for buffer in model.buffers()),
    )


def head_output(layer: nn.Linear) -> HeadOutput:
    """Sum up the output layer of a digit head.

    Args:
        layer: 11 rows.
    """
    weight, bias = layer.weight.detach().double(), layer.bias.detach().double()
    if len(bias) != CLASSES_PER_DIGIT:
        raise ValueError(f"the layer has {len(bias)} classes; a digit head has {CLASSES_PER_DIGIT}")
    return HeadOutput(_spread(weight), _spread(bias), tuple(weight.norm(dim=1).tolist()), tuple(bias.tolist()))


def _component(name: str, part: nn.Module, total: int) -> Component:
    tensors = list(part.named_parameters())
    parameters = sum(tensor.numel() for _, tensor in tensors)
    return Component(
        name=name,
        parameters=parameters,
        trainable=sum(tensor.numel() for _, tensor in tensors if tensor.requires_grad),
        share=parameters / total,
        tensors=len(tensors),
        first_shapes=tuple((tensor_name, tuple(tensor.shape)) for tensor_name, tensor in tensors[:_FIRST]),
    )


def _spread(values: torch.Tensor) -> Spread:
    return Spread(*(float(figure) for figure in (values.mean(), values.std(correction=0), values.min(), values.max())))
