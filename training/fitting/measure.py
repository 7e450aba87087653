"""What a network reads right, over windows handed in as batches."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from recognizer.decode import NONE_INDEX, number_log_probs
from recognizer.model import JerseyTemporalNet
from recognizer.preprocess import normalize
from training.data.batch import Batch
from training.evaluation.metrics import accuracy, outcomes_of
from training.fitting.distributed import Team

Figures = dict[str, float]
SURE = 0.9
"""Probability of the likeliest number from which it counts as given."""


@dataclass(slots=True)
class Reads:
    """Log-probabilities of windows and the truth about them, collected batch by batch, wherever they were computed."""

    tens: list[torch.Tensor] = field(default_factory=list)
    """Each float32 (B, 11)."""
    units: list[torch.Tensor] = field(default_factory=list)
    """Each float32 (B, 11)."""
    codes: list[torch.Tensor] = field(default_factory=list)
    """Each int64 (B, 2)."""

    def add(
        self, tens_logits: torch.Tensor, units_logits: torch.Tensor, tens: torch.Tensor, units: torch.Tensor
    ) -> None:
        """Take in the logits (B, 11) of a batch and its true classes (B,)."""
        self.tens.append(tens_logits.detach().float().log_softmax(-1))
        self.units.append(units_logits.detach().float().log_softmax(-1))
        self.codes.append(torch.stack([tens, units], 1))

    def state(self) -> dict[str, torch.Tensor]:
        """Everything as three tensors on the CPU, (N, 11), (N, 11) and (N, 2); empty for no reads."""
        if not self.codes:
            return {}
        parts = {"tens": self.tens, "units": self.units, "codes": self.codes}
        return {name: torch.cat(tensors).cpu() for name, tensors in parts.items()}

    @classmethod
    def from_state(cls, *states: Mapping[str, torch.Tensor]) -> "Reads":
        """The inverse of `state`, for one or several."""
        filled = [state for state in states if state]
        return cls(*([state[name] for state in filled] for name in ("tens", "units", "codes")))


def read_all(
    model: JerseyTemporalNet,
    batches: Iterable[Batch],
    device: torch.device,
    precision: torch.dtype,
    look: Callable[[Batch, torch.Tensor, torch.Tensor], None] | None = None,
) -> Reads:
    """Read every window in serving mode.

    Args:
        model: on `device`.
        batches: windows, on any device.
        device: where the network is.
        precision: of the costly part; float32 is exact on the CPU (on CUDA cuDNN rounds to TF32).
        look: called with each batch and its log-probabilities (B, 11) of tens and units.
    """
    was_training = model.training
    model.eval()
    reads = Reads()
    with torch.inference_mode():
        for batch in batches:
            moved = Batch(*(tensor.to(device, non_blocking=True) for tensor in batch))
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                out = model(normalize(moved.rgb), moved.valid)
            reads.add(out.tens, out.units, moved.tens, moved.units)
            if look is not None:
                look(batch, reads.tens[-1].cpu(), reads.units[-1].cpu())
    model.train(was_training)
    return reads


def join_reads(reads: Reads, team: Team) -> Reads:
    """The reads of all processes, in every one of them."""
    return Reads.from_state(*team.gather(reads.state())) if team.size > 1 else reads


def figures_of(reads: Reads) -> Figures:
    """Accuracies, loss and what the product would make of the reads; empty for no reads.

    Returns:
        loss: mean cross-entropy of both digits, without smoothing and class weights.
        number, both_digits, tens, units: see `training.evaluation.metrics.Accuracy`.
        readable: share of readable windows whose likeliest number (none left aside) is right.
        precision_at_0.9, coverage_at_0.9: of the windows whose likeliest number has at least that probability, the
        share that is right; of the readable windows, the share that is right so.
        false_numbers: share of unreadable windows given a number so. A figure about no window is left out.
    """
    if not reads.codes:
        return {}
    state = reads.state()
    tens, units, codes = (state[name].numpy() for name in ("tens", "units", "codes"))
    exact = accuracy(tens, units, codes)
    logp, truth = number_log_probs(tens, units), outcomes_of(codes)
    likeliest = logp[:, :NONE_INDEX].argmax(-1)
    hit, readable = likeliest == truth, truth != NONE_INDEX
    sure = logp[np.arange(len(logp)), likeliest] > np.log(SURE)
    shares = {
        "readable": hit[readable],
        f"precision_at_{SURE}": hit[sure],
        f"coverage_at_{SURE}": (hit & sure)[readable],
        "false_numbers": sure[~readable],
    }
    figures = {"loss": cross_entropy(tens, units, codes), "number": exact.number, "both_digits": exact.both_digits}
    figures |= {"tens": exact.tens, "units": exact.units}
    figures |= {name: float(values.mean()) for name, values in shares.items() if values.size}
    return figures


def cross_entropy(tens: NDArray[np.float32], units: NDArray[np.float32], codes: NDArray[np.int64]) -> float:
    """Mean over both digits of the negative log-probability (N, 11) of the truth (N, 2)."""
    truth = torch.from_numpy(codes)
    tens_loss = F.nll_loss(torch.from_numpy(tens), truth[:, 0])
    return float((tens_loss + F.nll_loss(torch.from_numpy(units), truth[:, 1])) / 2)
