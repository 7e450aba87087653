"""Which processor a command computes on."""

import platform
import re

import torch

from recognizer.errors import InputError


class DeviceError(InputError):
    """The device asked for does not exist here."""


def resolve_device(name: str = "auto") -> torch.device:
    """The device of that name: `auto` (the first CUDA device, else the CPU), `cpu`, `cuda` or `cuda:N`.

    Raises:
        DeviceError: The name is unknown, or this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    match = re.fullmatch(r"cuda(?::(\d+))?", name)
    if match is None:
        raise DeviceError(f"The device '{name}' is unknown; allowed are auto, cpu, cuda and cuda:N.")
    if not torch.cuda.is_available():
        raise DeviceError(f"The device '{name}' cannot be used: PyTorch finds no CUDA here; use --device cpu or auto.")
    index, count = int(match[1] or 0), torch.cuda.device_count()
    if index >= count:
        raise DeviceError(f"The device '{name}' does not exist; this machine has cuda:0 to cuda:{count - 1}.")
    return torch.device("cuda", index)


def card_of(device: torch.device) -> int | None:
    """Place of a CUDA device among the machine's; None for a CPU.

    >>> card_of(torch.device("cuda", 1)), card_of(torch.device("cpu"))
    (1, None)
    """
    return (device.index or 0) if device.type == "cuda" else None


def device_name(device: torch.device, cores: int | None = None) -> str:
    """The device in words, for the run's record; `cores` are those used of a CPU, None names torch's threads."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    used = f"{torch.get_num_threads()} threads" if cores is None else f"{cores} core{'' if cores == 1 else 's'}"
    return f"cpu ({platform.machine()}, {used})"
