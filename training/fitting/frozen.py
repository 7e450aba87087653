"""Stops the training of tensors that are named."""

from collections.abc import Sequence

from recognizer.model import JerseyTemporalNet
from training.fitting.run_state import TrainingError


def freeze_named(network: JerseyTemporalNet, beginnings: Sequence[str]) -> None:
    """Stop training the tensors whose names begin so; what is frozen already stays so.

    Raises:
        TrainingError: No tensor's name begins in one of these ways.
    """
    for beginning in beginnings:
        found = [tensor for name, tensor in network.named_parameters() if name.startswith(beginning)]
        if not beginning or not found:
            raise TrainingError(
                f"fit.frozen holds '{beginning}', and no tensor's name begins so; allowed are names like lstm.weight."
            )
        for tensor in found:
            tensor.requires_grad_(False)
    network.train(network.training)
