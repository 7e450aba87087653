"""Weights and the JSON beside them are written together and refused apart."""

import json
from pathlib import Path

import pytest
import torch

from recognizer.weights_file import WeightsError, halved, read_weights, require_same_tensors, write_weights

TENSORS = {"a.weight": torch.arange(600.0).reshape(20, 30), "a.count": torch.tensor(3)}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "best.safetensors"
    write_weights(path, TENSORS, {"team": "Å", "players": [1, 2]})
    return path


def test_what_is_written_is_read(saved: Path) -> None:
    tensors, description = read_weights(saved)
    assert description == {"team": "Å", "players": [1, 2]}
    assert {name: one.dtype for name, one in tensors.items()} == {"a.weight": torch.float32, "a.count": torch.int64}
    assert all(torch.equal(tensors[name], one) for name, one in TENSORS.items())
    assert "Å" in saved.with_suffix(".json").read_text("utf-8")
    assert sorted(path.name for path in saved.parent.iterdir()) == ["best.json", "best.safetensors"]


def test_a_description_that_was_read_can_be_written_again(saved: Path, tmp_path: Path) -> None:
    tensors, description = read_weights(saved)
    write_weights(tmp_path / "again.safetensors", {"b": tensors["a.weight"] + 1}, description)
    assert read_weights(tmp_path / "again.safetensors").description == description


def test_half_precision_is_for_fractions_alone() -> None:
    assert {name: one.dtype for name, one in halved(TENSORS).items()} == {
        "a.weight": torch.float16,
        "a.count": torch.int64,
    }


def test_missing_files_are_named(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"weights file .*nothing\.safetensors does not exist"):
        read_weights(tmp_path / "nothing.safetensors")
    with pytest.raises(WeightsError, match=r"must end in \.safetensors"):
        read_weights(tmp_path / "best.pt")
    saved.with_suffix(".json").unlink()
    with pytest.raises(WeightsError, match=r"description file .*best\.json does not exist"):
        read_weights(saved)


def test_a_folder_in_place_of_the_weights(tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").mkdir()
    with pytest.raises(WeightsError, match="cannot be read"):
        read_weights(tmp_path / "best.safetensors")


@pytest.mark.parametrize("keep", [0, 5, 1000, -1])
def test_truncated_weights(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(WeightsError, match="are truncated or no safetensors file"):
        read_weights(saved)


def test_other_bytes_in_place_of_weights(saved: Path) -> None:
    saved.write_bytes(b"version https://example.org/pointer\n" * 9)
    with pytest.raises(WeightsError, match="are truncated or no safetensors file"):
        read_weights(saved)


def test_damaged_weights(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[-9] ^= 64
    saved.write_bytes(data)
    with pytest.raises(WeightsError, match="SHA-256 differs"):
        read_weights(saved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no valid JSON"),
        ('{"a":', "is no valid JSON"),
        ("[]", "holds no JSON object"),
        ("{}", "does not describe weights of this program"),
        (json.dumps({"format_version": 2}), "has format_version 2; this program reads 1"),
        (json.dumps({"format_version": 1}), "lacks the key weights_sha256"),
    ],
)
def test_descriptions_that_are_none(saved: Path, text: str, message: str) -> None:
    saved.with_suffix(".json").write_text(text)
    with pytest.raises(WeightsError, match=message):
        read_weights(saved)


def test_tensors_of_another_network(saved: Path) -> None:
    expected = {name: torch.zeros(2) for name in ("a.weight", "b", "c", "d")}
    with pytest.raises(WeightsError, match=r"b is missing; c is missing; d is missing; and 2 more\."):
        require_same_tensors(saved, expected, TENSORS)
    with pytest.raises(WeightsError, match=r"a\.weight is \(20, 30\) instead of \(2,\)"):
        require_same_tensors(saved, {"a.weight": torch.zeros(2), "a.count": torch.tensor(0)}, TENSORS)


def test_writing_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match="cannot be written"):
        write_weights(tmp_path / "file" / "best.safetensors", TENSORS, {})
    with pytest.raises(WeightsError, match=r"must end in \.safetensors"):
        write_weights(tmp_path / "best.pt", TENSORS, {})
