"""Which processor a command computes on."""

import pytest
import torch

from recognizer.device import DeviceError, card_of, device_name, resolve_device


def cards(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Make PyTorch report so many cards."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    ("count", "name", "device"),
    [
        (0, "auto", "cpu"),
        (2, "auto", "cuda:0"),
        (2, "cpu", "cpu"),
        (2, "cuda", "cuda:0"),
        (2, "cuda:1", "cuda:1"),
    ],
)
def test_a_name_stands_for_a_device(monkeypatch: pytest.MonkeyPatch, count: int, name: str, device: str) -> None:
    cards(monkeypatch, count)
    assert resolve_device(name) == torch.device(device)


@pytest.mark.parametrize(
    ("count", "name", "said"),
    [
        (1, "tpu", "'tpu' is unknown; allowed are auto, cpu, cuda and cuda:N"),
        (1, "cuda:", "'cuda:' is unknown"),
        (1, "meta", "'meta' is unknown"),
        (0, "cuda:0", "'cuda:0' cannot be used: PyTorch finds no CUDA here; use --device cpu or auto"),
        (2, "cuda:2", "'cuda:2' does not exist; this machine has cuda:0 to cuda:1"),
    ],
)
def test_other_names_are_refused(monkeypatch: pytest.MonkeyPatch, count: int, name: str, said: str) -> None:
    cards(monkeypatch, count)
    with pytest.raises(DeviceError, match=said):
        resolve_device(name)


def test_a_card_has_a_place_and_a_cpu_none() -> None:
    assert [card_of(torch.device(name)) for name in ("cpu", "cuda", "cuda:3")] == [None, 0, 3]


def test_a_cpu_is_named_with_its_cores() -> None:
    cpu = torch.device("cpu")
    assert device_name(cpu, 1).endswith(", 1 core)")
    assert device_name(cpu, 4).endswith(", 4 cores)")
    assert device_name(cpu).endswith(f", {torch.get_num_threads()} threads)")
