"""What a window says: the network's view of the window as a whole, and of each of its crops alone, pooled.

The whole alone is often sure of what none of its crops shows, above all of a number on a player who turns or shows his
front. So each crop is read alone as well, and all reads count alike in a logarithmic opinion pool (Genest and Zidek
1986, Combining probability distributions): log-probabilities are averaged and scaled to sum to 1 again. On players and
kits that networks had never seen, the reads pooled this way rank right numbers above wrong ones far better
(training/LOG.md).
"""

import torch

from recognizer.model import JerseyTemporalNet


def read_pooled(
    model: JerseyTemporalNet, features: torch.Tensor, valid: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Read windows from their frames' features, whole and frame by frame.

    Args:
        model: In serving mode.
        features: (B, T, C) from `JerseyTemporalNet.encode_frames`; padded frames may hold anything.
        valid: bool (B, T), False where padded.
        temperature: Divides the logits.

    Returns:
        Log-probabilities float32 (B, 11) of the tens and of the units, and float32 (B, T) each frame's share in the
        read of the whole.
    """
    whole = model.read_sequence(features, valid)
    logits = torch.stack((whole.tens, whole.units), dim=1).float()
    batch, length = valid.shape
    if length > 1:
        alone = model.read_sequence(features.reshape(batch * length, 1, -1), valid.reshape(batch * length, 1))
        singles = torch.stack((alone.tens, alone.units), dim=1).float().view(batch, length, *logits.shape[1:])
        counted = valid[..., None, None].to(singles.dtype)
        logits = (logits + (singles * counted).sum(dim=1)) / (1.0 + counted.sum(dim=1))
    tens, units = torch.log_softmax(logits / temperature, dim=-1).unbind(dim=1)
    return tens, units, whole.frame_weights.float()
