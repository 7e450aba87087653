"""Makes the checkpoint that ships: `python -m training.publish FILE ... -o jersey_reader.safetensors`.

The weights of several networks that were trained from one start are averaged (Wortsman et al. 2022, "Model soups"), the
temperature is set, and every weight is written in a byte, so that the file stays small.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from recognizer.checkpoint import CheckpointInfo, load_checkpoint, save_checkpoint
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.errors import InputError
from recognizer.model import JerseyTemporalNet, ModelConfig


class PublishError(InputError):
    """Networks that cannot be averaged, or options out of range."""


def mean_network(networks: Sequence[JerseyTemporalNet]) -> JerseyTemporalNet:
    """The mean of the weights of networks of one architecture, in the last of them.

    What only their trainings differed in, dropout and what was frozen, may differ; the last network's is kept.

    Raises:
        PublishError: They differ in architecture.
    """
    if any(_architecture(network) != _architecture(networks[-1]) for network in networks):
        raise PublishError("The networks differ in architecture; only those trained from one start can be averaged.")
    states = [network.state_dict() for network in networks]
    mean = {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if value.is_floating_point() else value
        for name, value in states[-1].items()
    }
    networks[-1].load_state_dict(mean)
    return networks[-1].eval()


def _architecture(network: JerseyTemporalNet) -> ModelConfig:
    return replace(network.config, dropout=0.0, frozen_fraction=0.0)


def joined_record(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What an average was trained on: the last network's record, and those of the others in it.

    A start that they share is told once.

    >>> joined_record([{"matches": ["a"], "start": {"tracks": 3}}, {"matches": ["b"], "start": {"tracks": 3}}])
    {'matches': ['b'], 'start': {'tracks': 3}, 'averaged_with': [{'matches': ['a']}]}
    """
    start = records[-1].get("start")
    others = [{key: value for key, value in one.items() if (key, value) != ("start", start)} for one in records[:-1]]
    return {**records[-1], **({"averaged_with": others} if others else {})}


def mean_checkpoint(checkpoints: Sequence[Path]) -> tuple[JerseyTemporalNet, CheckpointInfo]:
    """The mean of several checkpoints, and what is to be said about it.

    Args:
        checkpoints: at least one; preprocessing, window length, temperature and metrics are the last one's.

    Raises:
        WeightsError: One cannot be read.
        PublishError: They do not belong together.
    """
    loaded = [load_checkpoint(path, torch.device("cpu")) for path in checkpoints]
    info = loaded[-1][1]
    if any((one.preprocess, one.window_length) != (info.preprocess, info.window_length) for _, one in loaded):
        raise PublishError("The networks differ in preprocessing or window length and cannot be averaged.")
    record = joined_record([one.training_data for _, one in loaded])
    return mean_network([network for network, _ in loaded]), replace(info, training_data=record)


def take_tensors(
    network: JerseyTemporalNet, info: CheckpointInfo, other: Path, beginnings: Sequence[str]
) -> CheckpointInfo:
    """Give a network some tensors of another checkpoint, in place.

    A training that goes on from there with these tensors frozen (`fit.frozen`) ends in a file that shares their bytes
    with the other one, so that a repository that holds both grows little.

    Args:
        network: gets the tensors.
        info: what is said about it.
        other: the checkpoint that has them.
        beginnings: how their names begin.

    Returns:
        What is to be said about it now.

    Raises:
        WeightsError: The other checkpoint cannot be read.
        PublishError: A name begins no tensor's, or the two differ in their shapes.
    """
    given, given_info = load_checkpoint(other, torch.device("cpu"))
    own, new = network.state_dict(), given.state_dict()
    for beginning in beginnings:
        names = [name for name in own if beginning and name.startswith(beginning)]
        if not names:
            raise PublishError(f"No tensor's name begins with '{beginning}'; allowed are names like lstm.weight.")
        for name in names:
            if name not in new or new[name].shape != own[name].shape:
                raise PublishError(f"{other} has no {name} of shape {tuple(own[name].shape)}; name another checkpoint.")
            own[name].copy_(new[name])
    taken = {**given_info.training_data, "tensors": list(beginnings)}
    return replace(info, training_data={**info.training_data, "tensors_of": taken})


@ending_in_a_sentence()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = Parser(prog="python -m training.publish", description="Make the checkpoint that ships.")
    parser.add_argument("checkpoints", type=Path, nargs="+", metavar="FILE", help="checkpoints; several are averaged")
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="FILE", help="the new .safetensors file")
    parser.add_argument("--temperature", type=float, help="logits are divided by it (default: the last checkpoint's)")
    parser.add_argument(
        "--levels", type=int, help="steps in a standard deviation, 1 to 64 (default: weights stay as they are)"
    )
    parser.add_argument(
        "--window-length",
        type=int,
        help="pictures in a window that it is to read, from 1 on (default: as trained last, 1 after single pictures)",
    )
    parser.add_argument("--tensors-of", type=Path, metavar="FILE", help="a checkpoint to take some tensors of")
    parser.add_argument("--tensors", nargs="+", default=(), metavar="NAME", help="how the names of these tensors begin")
    args = parser.parse_args(argv)
    if bool(args.tensors_of) != bool(args.tensors):
        raise PublishError("--tensors-of FILE and --tensors NAME ... belong together; give both.")
    network, info = mean_checkpoint(args.checkpoints)
    if args.tensors_of:
        info = take_tensors(network, info, args.tensors_of, args.tensors)
    try:
        if args.temperature is not None:
            info = replace(info, temperature=args.temperature)
        if args.window_length is not None:
            info = replace(info, window_length=args.window_length)
        save_checkpoint(args.output, network, info, levels=args.levels)
    except ValueError as error:
        raise PublishError(f"The checkpoint cannot be made so: {error}.") from error
    sys.stdout.write(f"{args.output}: {args.output.stat().st_size / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
