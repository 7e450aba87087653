"""The checkpoint that ships."""

from pathlib import Path

import pytest
import torch

from recognizer.checkpoint import CheckpointInfo, load_checkpoint, save_checkpoint
from recognizer.model import JerseyTemporalNet, ModelConfig
from recognizer.preprocess import Preprocess
from training.publish import main, mean_checkpoint

CPU = torch.device("cpu")


def save_net(path: Path, seed: int, head_size: int = 8, size: int = 64, **model: float) -> Path:
    torch.manual_seed(seed)
    net = JerseyTemporalNet(ModelConfig(hidden_size=8, head_size=head_size, **model)).eval()  # type: ignore[arg-type]  # shares by name
    record = {"matches": [f"match {seed}"], "settings": {"seed": seed}}
    save_checkpoint(path, net, CheckpointInfo(Preprocess(size=size), training_data=record))
    return path


def test_the_mean_lies_between_the_networks_it_is_made_of(tmp_path: Path) -> None:
    paths = [save_net(tmp_path / f"{place}.safetensors", place) for place in range(2)]
    first, second = (dict(load_checkpoint(path, CPU)[0].named_parameters()) for path in paths)
    mean, info = mean_checkpoint(paths)
    between = dict(mean.named_parameters())
    assert all(torch.allclose(between[name], (first[name] + second[name]) / 2, atol=1e-6) for name in between)
    assert info.training_data["matches"] == ["match 1"]
    assert info.training_data["averaged_with"] == [{"matches": ["match 0"], "settings": {"seed": 0}}]


def test_networks_that_dropped_and_froze_other_shares_are_averaged(tmp_path: Path) -> None:
    shares = ({"dropout": 0.1, "frozen_fraction": 0.0}, {"dropout": 0.3, "frozen_fraction": 0.6})
    paths = [save_net(tmp_path / f"{place}.safetensors", place, **share) for place, share in enumerate(shares)]
    mean, _ = mean_checkpoint(paths)
    assert (mean.config.dropout, mean.config.frozen_fraction) == (0.3, 0.6)


def test_one_network_is_packed_and_given_its_temperature(tmp_path: Path) -> None:
    path, output = save_net(tmp_path / "net.safetensors", 0), tmp_path / "out" / "reader.safetensors"
    words = ["--temperature", "1.5", "--levels", "16", "--window-length", "7"]
    assert main([str(path), "-o", str(output), *words]) == 0
    packed, info = load_checkpoint(output, CPU)
    assert (info.temperature, info.window_length) == (1.5, 7)
    assert info.training_data == {"matches": ["match 0"], "settings": {"seed": 0}}
    assert output.stat().st_size < path.stat().st_size / 3
    whole = load_checkpoint(path, CPU)[0].state_dict()
    for name, weights in packed.state_dict().items():
        step = float(whole[name].float().std()) / 16 if whole[name].numel() > 1 else 0.0
        assert torch.allclose(weights.float(), whole[name].float(), atol=step + 1e-6)


def test_some_tensors_are_those_of_another(tmp_path: Path) -> None:
    first, second = (save_net(tmp_path / f"{place}.safetensors", place) for place in range(2))
    output = tmp_path / "out.safetensors"
    assert main([str(first), "-o", str(output), "--tensors-of", str(second), "--tensors", "lstm.w", "tens_head"]) == 0
    nets = [load_checkpoint(path, CPU)[0].state_dict() for path in (first, second, output)]
    for name, tensor in nets[2].items():
        assert torch.equal(tensor, nets[1 if name.startswith(("lstm.w", "tens_head")) else 0][name])
    record = load_checkpoint(output, CPU)[1].training_data
    assert record["matches"] == ["match 0"]
    assert record["tensors_of"]["tensors"] == ["lstm.w", "tens_head"]
    assert record["tensors_of"]["matches"] == ["match 1"]


@pytest.mark.parametrize(
    ("other", "options", "message"),
    [
        ({"head_size": 16}, [], "differ in architecture"),
        ({"size": 32}, [], "differ in preprocessing"),
        ({}, ["--temperature", "0"], "temperature is 0"),
        ({}, ["--levels", "65"], "65"),
        ({}, ["--tensors", "lstm"], "belong together"),
        ({}, ["--tensors-of", "a.safetensors", "--tensors", "nowhere"], "No tensor's name begins with 'nowhere'"),
        ({}, ["--tensors-of", "c.safetensors", "--tensors", "lstm"], "c.safetensors does not exist"),
    ],
)
def test_what_cannot_be_published_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: dict[str, int], options: list[str], message: str
) -> None:
    paths = [save_net(tmp_path / "a.safetensors", 0), save_net(tmp_path / "b.safetensors", 1, **other)]
    options = [str(tmp_path / option) if option.endswith(".safetensors") else option for option in options]
    assert main([*map(str, paths), "-o", str(tmp_path / "out.safetensors"), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out.safetensors").exists()
