"""Small untrained checkpoints for tests that need one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from recognizer.checkpoint import CheckpointInfo, save_checkpoint
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess

SIDE = 32


def save_small_net(path: Path, training_data: Mapping[str, Any] | None = None) -> Path:
    """Write a checkpoint of a narrow network with chance weights that reads crops of 32 pixels."""
    torch.manual_seed(0)
    net = JerseyTemporalNet(ModelConfig(stem_pool=False, hidden_size=8, head_size=8))
    save_checkpoint(path, net, CheckpointInfo(Preprocess(size=SIDE), training_data=training_data or {}))
    return path
