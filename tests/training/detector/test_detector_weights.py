"""The player detector's weights as training starts from them, and the halves it is measured on."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from pipeline.detection.detector import build_network
from training.detector.trials import halves
from training.detector.weights import narrow_to_person, save_detector


def test_the_starting_weights_become_one_class_that_says_the_same(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        coco = build_network(80)
    state = {name: value.half() if value.is_floating_point() else value for name, value in coco.state_dict().items()}
    save_detector(tmp_path / "one.safetensors", narrow_to_person(state), {"classes": ["player"]})
    one = build_network(1)
    one.load_state_dict({name: value.float() for name, value in load_file(tmp_path / "one.safetensors").items()})
    coco.load_state_dict({name: value.float() for name, value in state.items()})
    with torch.inference_mode():
        picture = torch.rand(1, 3, 64, 64)
        person, alone = coco.eval()(picture)[0][:, :5], one.eval()(picture)[0]
    torch.testing.assert_close(person, alone)


def test_halves_share_no_match() -> None:
    assert halves(["d", "a", "c", "b", "a", "e"]) == (["a", "c", "e"], ["b", "d"])
    assert halves(["a", "a"]) == (["a"], [])
