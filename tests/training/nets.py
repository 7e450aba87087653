"""Small untrained checkpoints for tests that need one."""

from pathlib import Path

import torch

from recognizer.checkpoint import CheckpointInfo, save_checkpoint
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess

SIDE = 32


def save_small_net(path: Path, stem_pool: bool = True) -> Path:
    """Write a checkpoint of a narrow network with chance weights that reads crops of 32 pixels.

    Its feature map is one place, or four without the pooling of the stem.
    """
    torch.manual_seed(0)
    net = JerseyTemporalNet(ModelConfig(stem_pool=stem_pool, hidden_size=8, head_size=8))
    save_checkpoint(path, net, CheckpointInfo(Preprocess(size=SIDE)))
    return path
