"""CUDA graphs: a function recorded once per batch size and replayed, any number of rows padded to such a size."""

import logging
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

import torch

logger = logging.getLogger(__name__)

SIZES: Final = (1, 4, 8, 16, 32, 64, 128, 256)
"""Rows for which graphs are recorded, ascending."""
_WARM_UP: Final = 3

Tensors = tuple[torch.Tensor, ...]
Function = Callable[..., Tensors]
Recorder = Callable[[Function, Tensors], Callable[[], Tensors]]
"""Takes a function and the tensors it always reads; gives what runs it on their present values."""


def plan(count: int, sizes: Sequence[int] = SIZES) -> list[tuple[int, int, int]]:
    """Cut rows into passes of fixed sizes: first row, rows, and the size they are padded to.

    >>> plan(70, (4, 16, 64))
    [(0, 64, 64), (64, 6, 16)]

    Args:
        count: Rows, at least 0.
        sizes: Allowed sizes, ascending.
    """
    passes = []
    for first in range(0, count, sizes[-1]):
        rows = min(sizes[-1], count - first)
        passes.append((first, rows, next(size for size in sizes if size >= rows)))
    return passes


class FixedShapes:
    """Runs a function of tensors only at a few sizes of their first dimension.

    Each row of the results must depend on the same row of the inputs alone, so that the rows that fill up a pass
    (zeros at first, then what earlier calls left) change nothing. Where recording fails, the function runs directly
    from then on, and one warning says why. For one thread at a time.

    Args:
        function: Takes tensors on `device` that share their first dimension; gives such tensors.
        device: Where the function runs; its inputs may come from elsewhere, pinned memory without waiting.
        record: How a pass is recorded: `record_graph` on CUDA.
        sizes: Allowed sizes, ascending.
    """

    def __init__(
        self, function: Function, device: torch.device, record: Recorder, sizes: Sequence[int] = SIZES
    ) -> None:
        self._function, self._record, self._sizes, self._device = function, record, sizes, device
        self._recorded: dict[tuple[object, ...], tuple[Tensors, Callable[[], Tensors]]] = {}
        self._usable = True

    @torch.inference_mode()  # a recording made with gradients would keep every activation for the whole run
    def __call__(self, *inputs: torch.Tensor) -> Tensors:
        """The function's results for these inputs, new tensors."""
        if not self._usable:
            return self._direct(inputs)
        try:
            passes = [self._pass(inputs, *each) for each in plan(len(inputs[0]), self._sizes)]
        except RuntimeError as error:
            logger.warning("CUDA graphs cannot be used (%s); the recognizer runs without them.", error)
            self._usable = False
            self._recorded.clear()
            return self._direct(inputs)
        return passes[0] if len(passes) == 1 else tuple(map(torch.cat, zip(*passes, strict=True)))

    def prepare(self, most: int, *examples: torch.Tensor) -> None:
        """Record now, largest first, what would be recorded when it is first needed.

        Recording holds up everything else on the device, and fails where another thread waits for the device meanwhile.

        Args:
            most: Rows that later calls will have at most.
            examples: Inputs like those of later calls; their number of rows and their values do not matter.
        """
        needed = next((size for size in self._sizes if size >= most), self._sizes[-1])
        for size in [size for size in reversed(self._sizes) if size <= needed]:
            self(*(each.new_zeros(size, *each.shape[1:]) for each in examples))

    def _direct(self, inputs: Tensors) -> Tensors:
        return self._function(*(each.to(self._device, non_blocking=True) for each in inputs))

    def _pass(self, inputs: Tensors, first: int, rows: int, size: int) -> Tensors:
        key = (size, *((each.shape[1:], each.dtype) for each in inputs))
        if key not in self._recorded:
            held = tuple(torch.zeros(size, *each.shape[1:], dtype=each.dtype, device=self._device) for each in inputs)
            self._recorded[key] = held, self._record(self._function, held)
        held, run = self._recorded[key]
        for ours, given in zip(held, inputs, strict=True):
            ours[:rows].copy_(given[first : first + rows], non_blocking=True)
        return tuple(each[:rows].clone() for each in run())


def record_graph(function: Function, held: Tensors) -> Callable[[], Tensors]:
    """Record a CUDA graph of a function of tensors on a CUDA device.

    Raises:
        RuntimeError: It cannot be recorded.
    """
    device = held[0].device
    with torch.cuda.device(device):
        usual = torch.cuda.current_stream()
        side = _side_stream(device)
        side.wait_stream(usual)
        try:
            with torch.cuda.stream(side):
                for _ in range(_WARM_UP):
                    function(*held)
            usual.wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
                results = function(*held)
        finally:
            torch.cuda.set_stream(usual)  # a recording that fails leaves the side stream in its place

    def replay() -> Tensors:
        with torch.cuda.device(device):
            graph.replay()
        return results

    return replay


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream on which a device's graphs are recorded; cuBLAS keeps a workspace for each stream it has seen."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch leaves it untyped
