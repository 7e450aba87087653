"""Which part of a data set is measured on; what training held out is taken from the checkpoint's own record."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from recognizer.checkpoint import CheckpointInfo
from recognizer.errors import InputError
from recognizer.labels import NUMBERS
from training.data.layout import UNREADABLE_FOLDER, SubSequence
from training.data.splits import Split, SplitError, SplitKey, hold_out

SplitName = Literal["held_out", "all", "classes"]

_ALLOWED: Final = frozenset((*NUMBERS, UNREADABLE_FOLDER))
_SHOWN: Final = 12


class SelectionError(InputError):
    """A choice of data that leaves nothing sensible to measure on."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is measured on."""

    split: SplitName = "held_out"
    """held_out (the part training held out), all, or classes (the test numbers alone)."""
    key: SplitKey = "match"
    """What the held-out part holds whole: a match (a sequence where no match is known), or a player sequence."""
    held_out_share: float = 0.2
    """Share that is held out, above 0 and under 1."""
    seed: int = 0
    """Draws what is held out."""
    train_numbers: tuple[str, ...] = ()
    """Numbers trained on ('-1': unreadable players); none stands for every number but the test numbers."""
    test_numbers: tuple[str, ...] = ()
    """Numbers training never saw."""

    def __post_init__(self) -> None:
        if self.split not in get_args(SplitName):
            raise SelectionError(f"The split is {self.split!r}; allowed are {', '.join(get_args(SplitName))}.")
        if not 0.0 < self.held_out_share < 1.0:
            raise SelectionError(f"The held-out share is {self.held_out_share}; allowed is above 0 and under 1.")
        for number in (*self.train_numbers, *self.test_numbers):
            if number not in _ALLOWED:
                raise SelectionError(f"{number!r} is no class; allowed are '0' to '99', '00' and '-1'.")


def recorded_settings(info: CheckpointInfo) -> Mapping[str, Any]:
    """The settings of the run that trained a checkpoint on a data-set tree; empty where it was not."""
    settings = info.training_data.get("settings")
    return settings if isinstance(settings, dict) and settings.get("source") == "tree" else {}


def recorded_selection(info: CheckpointInfo, split: SplitName) -> Selection:
    """The split a checkpoint was trained with, as far as its record tells; the defaults where it does not.

    Args:
        info: What the checkpoint's JSON says.
        split: Which part of it.

    Raises:
        SelectionError: The record holds values that are no split.
    """
    settings = recorded_settings(info)
    data = settings.get("data")
    if not isinstance(data, dict):
        return Selection(split)
    selection = Selection(split, seed=int(settings.get("seed", 0)))
    if data.get("split_by") in get_args(SplitKey):
        selection = replace(selection, key=data["split_by"])
    if isinstance(share := data.get("validation_share"), int | float) and share > 0:
        selection = replace(selection, held_out_share=float(share))
    known, unseen = (tuple(map(str, data.get(name) or ())) for name in ("train_numbers", "test_numbers"))
    return replace(selection, train_numbers=known, test_numbers=unseen)


def select(items: Sequence[SubSequence], selection: Selection, *, one_class_will_do: bool = False) -> list[SubSequence]:
    """The sub-folders to measure on, in the order of the input.

    Args:
        items: All sub-folders of the data set.
        selection: The choice.
        one_class_will_do: Whether a part of one class is accepted.

    Raises:
        SelectionError: No class is named for the split `classes`, or nothing or only one class is left.
        SplitError: The data cannot be divided like that.
    """
    if selection.split == "all":
        chosen = list(items)
    elif selection.split == "classes":
        chosen = _of_classes(items, selection.test_numbers)
    else:
        chosen = _divide(items, selection)[1]
    classes = {item.folder for item in chosen}
    if len(classes) == 1 and not one_class_will_do:
        raise SelectionError(
            f"Only one class is left to measure on ({min(classes)}, sub-folders: {len(chosen)}), so that a constant "
            "answer would be perfect; choose a part with at least two, such as --split all."
        )
    return chosen


def trained_keys(items: Sequence[SubSequence], info: CheckpointInfo) -> set[str]:
    """Keys of the sequences a checkpoint was trained on, if these are the ones it was trained with.

    Args:
        items: All sub-folders of the data set.
        info: What the checkpoint's JSON says; empty comes back where it tells of no data-set tree.
    """
    settings = recorded_settings(info)
    data = settings.get("data")
    if not isinstance(data, dict):
        return set()
    selection = recorded_selection(info, "held_out")
    trained = _of_training(items, selection)
    if data.get("validation_share"):
        with contextlib.suppress(SplitError):  # the data changed since: then everything may have been trained on
            trained = _divide(items, selection)[0]
    return {item.key for item in trained}


def _divide(items: Sequence[SubSequence], selection: Selection) -> Split:
    """Trained on and held out."""
    kept = _of_training(items, selection)
    return hold_out(kept, selection.key, selection.held_out_share, selection.seed)


def _of_training(items: Sequence[SubSequence], selection: Selection) -> list[SubSequence]:
    known, unseen = selection.train_numbers, selection.test_numbers
    return [i for i in items if i.folder not in unseen and (not known or i.folder in known)]


def _of_classes(items: Sequence[SubSequence], numbers: Sequence[str]) -> list[SubSequence]:
    if not numbers:
        raise SelectionError(
            "The split 'classes' needs the numbers to measure on, and the checkpoint records none: name them, "
            "for example --classes 48 64 88."
        )
    chosen = [item for item in items if item.folder in numbers]
    if not chosen:
        raise SelectionError(f"No sub-folder is of the classes {listed(numbers)}; the data holds {_held(items)}.")
    return chosen


def listed(names: Sequence[str], shown: int = _SHOWN) -> str:
    """The first names of a list, and how many more there are.

    >>> listed(["1", "2"]), listed(["1", "2", "3"], shown=2)
    ('1, 2', '1, 2 and 1 more')
    """
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _held(items: Iterable[SubSequence]) -> str:
    return listed(list(dict.fromkeys(item.folder for item in items)))
