"""What runs the detector's network: PyTorch in the precision that suits the device, or ONNX Runtime."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.detection.onnx_detector import Forward, faster_forward, open_onnx
from recognizer.precision import Backend, BackendError, cpu_has_bfloat16, forbid_tf32

DetectorPrecision = Literal["auto", "float32"]


def choose_forward(
    weights: Path, network: nn.Module, backend: Backend, precision: DetectorPrecision, device: torch.device
) -> Forward:
    """The fastest way to run a network within the settings.

    Args:
        weights: The file that `network` was loaded from.
        network: On the CPU in float32, convolutions and batch norms fused.
        backend: As the settings name it.
        precision: As the settings name it.
        device: Where it shall run.

    Raises:
        InputError: ONNX Runtime was asked for and cannot be used.
    """
    on_cpu, fast = device.type == "cpu", precision == "auto"
    bfloat16 = fast and on_cpu and cpu_has_bfloat16() and backend != "onnx"
    if backend == "onnx" and not on_cpu:
        raise BackendError(f"detector.backend onnx runs on the CPU, not on {device}; use auto or torch.")
    if backend == "onnx":
        return open_onnx(weights, network)
    if backend == "auto" and on_cpu and not bfloat16 and (forward := faster_forward(weights, network)):
        return forward
    dtype = torch.float16 if fast and not on_cpu else torch.float32
    return TorchForward(network, device, dtype, torch.bfloat16 if bfloat16 else None)


class TorchForward:
    """The network in PyTorch, a `Forward`."""

    def __init__(
        self, network: nn.Module, device: torch.device, dtype: torch.dtype, rounding: torch.dtype | None
    ) -> None:
        self._dtype, self._rounding = dtype, rounding
        self.backend = f"torch {str(rounding or dtype).removeprefix('torch.')}"
        forbid_tf32(device, dtype)
        self._network = network.to(device, dtype).to(memory_format=torch.channels_last)

    def __call__(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Distances and scores in float32, whatever it computes in."""
        batch = rgb.permute(0, 3, 1, 2).to(self._dtype, memory_format=torch.channels_last).div_(255)
        with torch.autocast("cpu", self._rounding, enabled=self._rounding is not None):
            raw = self._network(batch)[1]
        return raw["boxes"].float(), raw["scores"].float().sigmoid()
