"""What a network computes with, and in which number format, on a device."""

from typing import Any, Final, Literal

import torch

from recognizer.errors import InputError

Backend = Literal["auto", "torch", "onnx"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]

_DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class BackendError(InputError):
    """The backend or number format asked for cannot run here."""


def resolve_precision(precision: Precision, device: torch.device, exact_on_cpu: bool = False) -> torch.dtype:
    """The type of a network's weights.

    Args:
        precision: As the settings name it.
        device: Where the network runs.
        exact_on_cpu: Whether `auto` means float32 on every CPU, because what computes there knows no other.

    Raises:
        BackendError: The device does not compute in it.
    """
    if precision == "auto":
        if device.type == "cuda":
            return torch.float16
        return torch.bfloat16 if cpu_has_bfloat16() and not exact_on_cpu else torch.float32
    if precision == "float16" and device.type != "cuda":
        raise BackendError("The precision float16 needs a CUDA device; use float32, bfloat16 or auto.")
    return _DTYPES[precision]


def forbid_tf32(device: torch.device, dtype: torch.dtype) -> None:
    """For what is computed in float32 on CUDA, have it computed in float32 indeed, in this process from now on.

    cuDNN would otherwise round the inputs of convolutions to TF32, which has 10 bits of mantissa, and cuBLAS those of
    matrix products where the variable TORCH_ALLOW_TF32_CUBLAS_OVERRIDE tells it to.
    """
    if device.type == "cuda" and dtype == torch.float32:
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 numbers by instructions of its own, which halves a network's time."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16"))
