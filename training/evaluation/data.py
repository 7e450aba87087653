"""Opens the part of a data set that is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from recognizer.checkpoint import CheckpointInfo
from recognizer.errors import InputError
from recognizer.sampling import SamplingMode
from training.data.crop_cache import open_cache
from training.data.dataset import SamplingSettings, WindowDataset
from training.data.layout import SubSequence, bears_built_name, scan
from training.data.root import VARIABLE, NoDataRootError, find_data_root
from training.data.splits import sequence_marks
from training.evaluation.networks import all_records
from training.evaluation.select import Selection, recorded_settings, select, trained_keys

MODES: Final[tuple[SamplingMode, ...]] = ("uniform", "center")
"""Ways of sampling that give the same windows at every call."""
_COPIED: Final = 0.5
"""Of the sequences that were trained on, the share that tells another folder to be a copy of the data set."""


class DataError(InputError):
    """No data set is named, or a way of sampling that is none to measure with."""


@dataclass(frozen=True, slots=True)
class OpenData:
    """The windows that are measured on, and what is to be said about them."""

    root: Path
    dataset: WindowDataset
    selection: Selection
    sequences: int
    """Player sequences the windows are from."""
    unreadable: int
    """Pictures of the whole data set that cannot be decoded."""
    holds_training: bool
    """Whether the part holds sequences that the checkpoint has learnt from (see `learnt_marks`)."""

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "root": str(self.root),
            "split": self.selection.split,
            "split_by": self.selection.key,
            "held_out_share": self.selection.held_out_share,
            "seed": self.selection.seed,
            "test_numbers": list(self.selection.test_numbers),
            "windows": len(self.dataset),
            "sequences": self.sequences,
            "classes": len(self.dataset.numbers()),
            "unreadable_pictures": self.unreadable,
            "holds_training_data": self.holds_training,
            "sampling": self.dataset.sampling.mode,
            "anchor_first": self.dataset.sampling.anchor_first,
        }


def find_root(given: Path | None, info: CheckpointInfo) -> Path:
    """The data set's root: as given, else the one the checkpoint was trained on, else DATA_ROOT.

    Args:
        given: From the command line.
        info: What the checkpoint's JSON says.

    Raises:
        InputError: Nothing names one, or `.env` cannot be read.
    """
    data = recorded_settings(info).get("data")
    recorded = data.get("root") if isinstance(data, dict) else None
    if given is not None:
        return given
    try:
        return find_data_root(str(recorded or ""))
    except NoDataRootError as error:
        raise DataError(
            f"No data set is named: give it with --data, or name it in {VARIABLE} in the environment or in .env."
        ) from error


def sampling_of(info: CheckpointInfo, mode: SamplingMode = "uniform") -> SamplingSettings:
    """How windows are sampled to measure: as long and in the order the checkpoint was trained on.

    Raises:
        DataError: The mode draws at random.
    """
    if mode not in MODES:
        raise DataError(f"The sampling is {mode!r}; allowed to measure with are {' and '.join(MODES)}.")
    recorded = recorded_settings(info).get("sampling")
    first = bool(recorded.get("anchor_first", False)) if isinstance(recorded, dict) else False
    return SamplingSettings(mode, first, info.window_length)


def open_data(
    root: Path,
    info: CheckpointInfo,
    selection: Selection,
    sampling: SamplingSettings,
    cache: Path | None = None,
    *,
    one_class_will_do: bool = False,
) -> OpenData:
    """Scan, choose and pack.

    Args:
        root: Of the data set.
        info: Of the checkpoint; says how crops are preprocessed.
        selection: Which part.
        sampling: Which pictures make a window.
        cache: Folder for the packed crops; by default inside the root.
        one_class_will_do: Whether nothing is to be told apart, so that pictures of one number are enough.

    Raises:
        InputError: The tree, the part or the pictures cannot be used.
    """
    layout = scan(root)
    chosen = select(layout.items, selection, one_class_will_do=one_class_will_do)
    crops = open_cache(layout, info.preprocess, cache)
    dataset = WindowDataset(chosen, crops, sampling, selection.seed)
    return OpenData(
        root=root,
        dataset=dataset,
        selection=selection,
        sequences=len({item.key for item in dataset.items}),
        unreadable=len(crops.unreadable),
        holds_training=not sequence_marks(chosen).isdisjoint(learnt_marks(root, info, layout.items)),
    )


def learnt_marks(root: Path, info: CheckpointInfo, items: Sequence[SubSequence]) -> set[str]:
    """Marks of the sequences of a data set that a network has learnt from, as far as its record tells.

    Its own training counts, that of the network it started from, and those of networks that were averaged into it or
    gave it tensors: on this data set, or on a copy of it that may have grown.

    Args:
        root: Of the data set.
        info: Of the checkpoint.
        items: All sub-folders of the data set.

    Returns:
        See `training.data.splits.sequence_marks`.
    """
    records = all_records(info.training_data)
    return set().union(*(_trained_marks(root, replace(info, training_data=one), items) for one in records))


def _trained_marks(root: Path, info: CheckpointInfo, items: Sequence[SubSequence]) -> set[str]:
    """Marks of the sequences that the training of one record saw."""
    data = recorded_settings(info).get("data")
    trained_root = data.get("root") if isinstance(data, dict) else None
    same = bool(trained_root) and Path(str(trained_root)).resolve() == root.resolve()
    marks = set(str(info.training_data.get("trained_sequences", "")).split())
    if not marks:
        keys = trained_keys(items, info) if same else set()
        return sequence_marks(item for item in items if item.key in keys)
    present = sequence_marks(items) & marks
    copied = len(present) > _COPIED * len(marks)
    return present if same or copied else sequence_marks(one for one in items if bears_built_name(one.sequence)) & marks
