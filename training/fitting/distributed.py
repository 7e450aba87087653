"""Several processes that train one network, as `torchrun` starts them; alone, everything here does nothing."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from recognizer.device import resolve_device
from recognizer.errors import InputError


class DistributedError(InputError):
    """Processes that cannot train together."""


@dataclass(frozen=True, slots=True)
class Team:
    """The processes that train together."""

    rank: int = 0
    """This process, 0 to size - 1."""
    size: int = 1
    """Processes."""

    @property
    def leads(self) -> bool:
        """Whether this process writes files and logs."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any]:  # noqa: ANN401 - anything that can be pickled
        """Every process's value, in the order of ranks, in every process."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in at least one process."""
        if self.size == 1:
            return flag
        on_gpu = dist.get_backend() == "nccl"
        raised = torch.tensor(int(flag), device=torch.cuda.current_device() if on_gpu else "cpu")
        dist.all_reduce(raised, dist.ReduceOp.MAX)
        return bool(raised)

    def share_buffers(self, module: nn.Module) -> None:
        """Give every process rank 0's buffers (batch norms see other windows in each process)."""
        if self.size > 1:
            for buffer in module.buffers():
                dist.broadcast(buffer, src=0)

    def wrap(self, module: nn.Module, device: torch.device) -> nn.Module:
        """The module with gradients averaged over processes; to be wrapped anew when what is frozen changes."""
        if self.size == 1:
            return module
        ids = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=ids)


def take_device(name: str) -> torch.device:
    """The device of that name; one of CUDA becomes this process's own, so that it takes memory of no other.

    Raises:
        DeviceError: The name is unknown, or this machine has no such device.
    """
    device = resolve_device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


@contextlib.contextmanager
def join_team(device: str) -> Iterator[tuple[Team, torch.device]]:
    """Join the other processes of a `torchrun`, if there are any, and say what this one computes on.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`; under torchrun each process of a machine takes the CUDA device of
            its local rank, so that `cuda:N` is refused there.

    Raises:
        DistributedError: torchrun's settings are incomplete, or the devices do not suffice.
    """
    size = _whole_number("WORLD_SIZE", 1)
    if size == 1:
        yield Team(), take_device(device)
        return
    rank, local = _whole_number("RANK", None), _whole_number("LOCAL_RANK", None)
    if device not in ("auto", "cpu", "cuda"):
        raise DistributedError(f"device is '{device}'; several processes allow auto, cpu and cuda only.")
    chosen = resolve_device(device)
    if chosen.type == "cuda":
        if local >= torch.cuda.device_count():
            raise DistributedError(
                f"{local + 1} or more processes want a CUDA device each and this machine has "
                f"{torch.cuda.device_count()}; start fewer with torchrun --nproc-per-node."
            )
        chosen = torch.device("cuda", local)
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Team(rank, size), chosen
    finally:
        dist.destroy_process_group()


def _whole_number(name: str, default: int | None) -> int:
    text = os.environ.get(name)
    if text is None and default is not None:
        return default
    if text is None or not text.isdigit():
        raise DistributedError(f"The environment's {name} is {text!r}; start several processes with torchrun.")
    return int(text)
