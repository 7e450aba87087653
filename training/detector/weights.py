"""The player detector's weights: cut down from COCO's, shifted, saved."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pipeline.detection.detector import ARCHITECTURE, DetectorError
from recognizer.weights_file import halved, write_weights

_LEVELS = 3
"""Output grids of the network, each with a class layer of its own."""


def _class_layer(part: str) -> set[str]:
    return {f"model.23.cv3.{level}.2.{part}" for level in range(_LEVELS)}


def narrow_to_person(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The starting weights (80 COCO classes) with the class layer cut down to its first class, person."""
    last = _class_layer("weight") | _class_layer("bias")
    return {name: value[:1].clone() if name in last and len(value) > 1 else value for name, value in state.items()}


def shift_logits(state: dict[str, Tensor], shift: float) -> dict[str, Tensor]:
    """Weights whose class logits are all higher by `shift`: every box is surer, their order stays.

    Confidence p becomes 1 / (1 + exp(-shift) (1 - p) / p), so a threshold means what a lower one meant before.
    """
    biases = _class_layer("bias")
    return {name: value + shift if name in biases else value for name, value in state.items()}


def save_detector(path: Path, state: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Half-precision weights, and the facts about them as JSON beside; both appear whole or not at all."""
    write_weights(path, halved(state), card)


def start_detector(start: Path, path: Path) -> Path:
    """The starting weights as a one-class detector, written to `path`.

    Raises:
        DetectorError: There are no weights at `start`.
    """
    try:
        state = load_file(start)
    except (OSError, SafetensorError) as error:
        raise DetectorError(
            f"The starting weights {start} cannot be used ({error}); name others with --start."
        ) from error
    save_detector(path, narrow_to_person(state), {"architecture": ARCHITECTURE, "classes": ["player"]})
    return path
