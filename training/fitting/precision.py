"""Which number format the costly part of a training step computes in."""

import torch

from recognizer.precision import BackendError


def training_precision(name: str, device: torch.device) -> torch.dtype:
    """The number format of the costly part.

    Raises:
        BackendError: float16 on the CPU.
    """
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if name == "float16" and device.type != "cuda":
        raise BackendError("precision is float16, which needs a CUDA device; use float32 or bfloat16 on the CPU.")
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
