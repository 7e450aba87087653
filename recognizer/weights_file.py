"""Weights that are kept: a safetensors file, and beside it a JSON that says what they are and holds their SHA-256.

Both are written together and read together only, so that no network gets weights that another description belongs to.
Nothing is unpickled.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError

from recognizer.errors import InputError, reason_of
from recognizer.whole_files import write_together

FORMAT_VERSION: Final = 1
"""Written into every JSON; weights of another version are refused."""


class WeightsError(InputError):
    """Weights that are missing, broken, not those that their JSON describes, or that do not fit a network."""


class StoredWeights(NamedTuple):
    """What the two files hold."""

    tensors: dict[str, torch.Tensor]
    """By name, on the CPU, of the types they are stored in."""
    description: dict[str, Any]
    """The JSON without its version and the hash."""


def write_weights(path: Path, tensors: Mapping[str, torch.Tensor], description: Mapping[str, Any]) -> None:
    """Write tensors to `path` and the JSON beside it (same stem); each appears whole or not at all.

    Args:
        path: Ends in `.safetensors`; its folder is made if missing.
        tensors: By name, on any device.
        description: What they are; JSON values.

    Raises:
        WeightsError: The path has another ending, or the files cannot be written.
    """
    require_suffix(path)
    data = safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    card = {"format_version": FORMAT_VERSION, **description, "weights_sha256": hashlib.sha256(data).hexdigest()}
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    try:
        write_together({path: data, path.with_suffix(".json"): text.encode()})
    except OSError as error:
        raise WeightsError(f"The weights {path} cannot be written: {reason_of(error)}.") from error


def read_weights(path: Path) -> StoredWeights:
    """Read what `write_weights` wrote.

    Raises:
        WeightsError: A file is missing, broken or of another version, or the JSON describes other weights.
    """
    require_suffix(path)
    data, description = _read_bytes(path, "weights"), _read_description(path.with_suffix(".json"))
    try:
        tensors = safetensors.torch.load(data)
    except SafetensorError as error:
        raise WeightsError(f"The weights {path} are truncated or no safetensors file ({error}).") from error
    if hashlib.sha256(data).hexdigest() != description.pop("weights_sha256"):
        raise WeightsError(
            f"The weights {path} are not the ones {path.with_suffix('.json').name} describes (their SHA-256 differs); "
            "put the two files of one network side by side."
        )
    return StoredWeights(tensors, description)


def halved(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Floating-point tensors in half precision, for weights that ship; the others as they are."""
    return {name: one.half() if one.is_floating_point() else one for name, one in tensors.items()}


def require_same_tensors(path: Path, expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights whose names or shapes are not the described network's.

    Raises:
        WeightsError: They differ.
    """
    differences = [f"{name} is missing" for name in expected if name not in found]
    differences += [f"{name} is not in the network" for name in sorted(found) if name not in expected]
    differences += [
        f"{name} is {tuple(found[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]
    if differences:
        shown = "; ".join(differences[:3])
        rest = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise WeightsError(f"The weights {path} are of another architecture than their JSON says: {shown}{rest}.")


def require_suffix(path: Path) -> None:
    """Refuse a name for weights that does not end in `.safetensors`.

    Raises:
        WeightsError: It does not.
    """
    if path.suffix != ".safetensors":
        raise WeightsError(f"A file of weights must end in .safetensors, which {path} does not.")


def _read_bytes(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise WeightsError(
            f"The {what} file {path} does not exist; mend the setting or the option that names it."
        ) from error
    except OSError as error:
        raise WeightsError(f"The {what} file {path} cannot be read: {reason_of(error)}.") from error


def _read_description(path: Path) -> dict[str, Any]:
    """The JSON without its version, which is checked."""
    data = _read_bytes(path, "description")
    try:
        description = json.loads(data)
    except ValueError as error:
        raise WeightsError(f"{path} is no valid JSON ({error}).") from error
    if not isinstance(description, dict):
        raise WeightsError(f"{path} does not describe weights: it holds no JSON object.")
    if "format_version" not in description:
        raise WeightsError(f"{path} does not describe weights of this program: it names no format_version.")
    if (version := description.pop("format_version")) != FORMAT_VERSION:
        raise WeightsError(f"{path} has format_version {version!r}; this program reads {FORMAT_VERSION}.")
    if "weights_sha256" not in description:
        raise WeightsError(f"{path} lacks the key weights_sha256.")
    return description
