"""Splits a data set into training and held-out parts by player sequence, by match or by class.

One player's track may have sequences under several numbers, such as `7/player_31_seq_2822` and
`-1/player_31_seq_2822` where his number shows for a part of it: they bear one name, and stay on one side.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Literal

from recognizer.errors import InputError
from training.data.layout import SubSequence, bears_built_name

SplitKey = Literal["sequence", "match"]
Split = tuple[list[SubSequence], list[SubSequence]]
"""Training part and held-out part, each in the order of the input."""

"""A sequence's name as `training.building.origin.sequence_name` makes it: of one track of one source."""
_FAR_FROM_SHARE = 1.5
"""Times the wanted share that may be held out without a word."""


class SplitError(InputError):
    """A split that would leave one side empty, or that puts a class on both sides."""


def split_by(items: Sequence[SubSequence], key: SplitKey, held_out_share: float, seed: int = 0) -> Split:
    """Hold out whole sequences or whole matches.

    Neither a sequence nor a track ever stands on both sides, also where a manifest gives a sequence's sub-folders
    different matches: such matches count as one. By sequence, every number gives its share (rounded, at least one, but
    never its last one; more where a track takes its sequences under other numbers along). By match, matches are held
    out until their sub-folders come near the share, and none that is itself more than twice the share, unless all are;
    sub-folders without a known match fill the share only when those with one are drawn, of which at least one match is
    held out where two are known, and never all. The choice depends on the seed and on the names alone, not on the order
    of the input, and mostly stays when sequences are added.

    Args:
        items: Sub-folders.
        key: What is held out whole.
        held_out_share: Share to hold out, above 0 and under 1.
        seed: Another one draws other sequences.

    Raises:
        SplitError: One side would be empty.
        ValueError: The share is out of range.
    """
    if not 0.0 < held_out_share < 1.0:
        raise ValueError(f"held_out_share is {held_out_share}; allowed is above 0 and under 1")
    if key == "sequence":
        held_out = _sequences_to_hold_out(items, held_out_share, seed)
    else:
        held_out = _matches_to_hold_out(items, held_out_share, seed)
    split = _divide(items, lambda item: item.key in held_out)
    if not split[0] or not split[1]:
        remedy = (
            "add data from another one, or hold out sequences (--set data.split_by=sequence), whose players training "
            "may know"
            if key == "match"
            else "add another sequence of some number, or measure on nothing (--set data.validation_share=0)"
        )
        raise SplitError(
            f"Holding out {held_out_share:g} of {len(items)} sub-folders by {key} leaves one side empty: {remedy}."
        )
    return split


def hold_out(items: Sequence[SubSequence], key: SplitKey, held_out_share: float, seed: int = 0) -> Split:
    """As `split_by`; where no manifest tells matches, by sequence, which holds out some of every number."""
    return split_by(items, _key_used(items, key), held_out_share, seed)


def by_class(items: Sequence[SubSequence], train_numbers: Collection[str], test_numbers: Collection[str]) -> Split:
    """Train on some numbers, test on others.

    Args:
        items: Sub-folders; those of a number in neither list are left out.
        train_numbers: Folder names, such as '7', '00' or '-1'; none stands for every number not in `test_numbers`.
        test_numbers: Folder names; may be empty.

    Raises:
        SplitError: A number is in both lists, or a side that should hold pictures is empty.
    """
    both = sorted(set(train_numbers) & set(test_numbers))
    if both:
        raise SplitError(f"The number {both[0]} is in the training and in the test classes; take it out of one.")
    trained, tested = set(train_numbers), set(test_numbers)
    kept = [item for item in items if item.folder in tested or not trained or item.folder in trained]
    split = _divide(kept, lambda item: item.folder in tested)
    for side, wanted, name in ((split[0], train_numbers, "training"), (split[1], test_numbers, "test")):
        if not side and (wanted or name == "training"):
            listed = ", ".join(sorted(wanted)) or "every number outside the test classes"
            raise SplitError(f"No picture is of the {name} classes ({listed}); name classes that the data holds.")
    return split


def leaky_split_by_subfolder(items: Sequence[SubSequence], held_out_share: float, seed: int = 0) -> Split:
    """The seed system's split, for comparison only: sub-folders are drawn one by one.

    Sub-folders of one sequence, the same shirt moments apart, fall on both sides, so that what is measured on the
    held-out part is too high. Never select or report a network by it.

    Raises:
        SplitError: One side would be empty.
        ValueError: The share is out of range.
    """
    if not 0.0 < held_out_share < 1.0:
        raise ValueError(f"held_out_share is {held_out_share}; allowed is above 0 and under 1")
    ranked = sorted(items, key=lambda item: _rank(seed, f"{item.key}/{item.subdir}"))
    held_out = {(item.key, item.subdir) for item in ranked[: round(held_out_share * len(items))]}
    split = _divide(items, lambda item: (item.key, item.subdir) in held_out)
    if not split[0] or not split[1]:
        raise SplitError(f"Holding out {held_out_share:g} of {len(items)} sub-folders leaves one side empty.")
    return split


def split_notes(
    trained: Sequence[SubSequence], held_out: Sequence[SubSequence], key: SplitKey, wanted: float
) -> list[str]:
    """Sentences on a held-out part that is not what was wanted: of one number, without a whole match, or much larger.

    Args:
        trained: Sub-folders to train on.
        held_out: Those to measure on; none gives no sentence.
        key: What was to be held out whole.
        wanted: The held-out share of both, 0 to 1.
    """
    if not held_out:
        return []
    notes = []
    if len(classes := {item.folder for item in held_out}) == 1:
        notes.append(
            f"Only {classes.pop()} is held out, so that a constant answer would be perfect and validation says "
            "nothing; add sequences of other numbers, or set data.validation_share to 0."
        )
    if key == "match" and not any(item.match_known for item in held_out):
        notes.append(_no_match_note({item.match for item in trained if item.match_known}))
    share = len(held_out) / (len(trained) + len(held_out))
    if share > _FAR_FROM_SHARE * wanted:
        reasons = {
            "match": "matches are held out whole; data.split_by sequence may come nearer, and measures on players that "
            "training may know",
            "sequence": "sequences are held out whole, and of every number that has several at least one; more "
            "sequences of each number bring it nearer",
        }
        reason = reasons[_key_used([*trained, *held_out], key)]
        notes.append(f"{share:.2f} of the data is held out instead of {wanted:g}, since {reason}.")
    return notes


def tracks_on_both_sides(trained: Iterable[SubSequence], held_out: Iterable[SubSequence]) -> set[str]:
    """Keys of the held-out sequences of which training has some of the same track, under this number or another.

    Args:
        trained: Sub-folders to train on.
        held_out: Those to measure on.
    """
    keys, tracks = set[str](), set[Hashable]()
    for item in trained:
        keys.add(item.key)
        tracks.add(_track(item))
    return {item.key for item in held_out if item.key in keys or _track(item) in tracks}


def sequence_marks(items: Iterable[SubSequence]) -> set[str]:
    """A short mark for each player sequence, by which a checkpoint tells what it was trained on; 8 letters."""
    return marks_of(item.key for item in items)


def marks_of(keys: Iterable[str]) -> set[str]:
    """The same, of keys such as `7/player_759_seq_2822`."""
    return {hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:8] for key in keys}


def _no_match_note(trained: Collection[str]) -> str:
    """Why no whole match is held out: `trained` is the one that is known, perhaps of several names; or none is."""
    if trained:
        return (
            f"No whole match is held out, since the one that is known ({', '.join(sorted(trained))}) is trained on: "
            "what is measured says little of another match. Add a second match."
        )
    return (
        "No whole match is held out, since none is known: training may know the players that are measured on. Name the "
        "matches with --match where the data set is built, or in its manifest.csv."
    )


def _divide(items: Iterable[SubSequence], held_out: Callable[[SubSequence], bool]) -> Split:
    train: list[SubSequence] = []
    test: list[SubSequence] = []
    for item in items:
        (test if held_out(item) else train).append(item)
    return train, test


def _rank(seed: int, name: str) -> bytes:
    """A place in a random order that depends on nothing but seed and name."""
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogateescape")).digest()


def _key_used(items: Iterable[SubSequence], wanted: SplitKey) -> SplitKey:
    return wanted if any(item.match_known for item in items) else "sequence"


def _track(item: SubSequence) -> Hashable:
    """What a track's sequences under several numbers have in common: their name, and the match where it is known.

    Where it is not, only names of `build_dataset` mean one track; a plain `seq1` may stand under every number.
    """
    if item.match_known:
        return item.sequence, item.match
    return item.sequence if bears_built_name(item.sequence) else item.key


def _match_or_track(item: SubSequence) -> Hashable:
    return item.match if item.match_known else _track(item)


def _sequences_to_hold_out(items: Iterable[SubSequence], share: float, seed: int) -> set[str]:
    """Keys of the sequences to hold out: of each number its share, whole tracks, and never a number's last one."""
    groups = sorted(_linked(items, _track), key=lambda keys: _rank(seed, min(keys)))
    numbers = [{key.partition("/")[0] for key in keys} for keys in groups]
    tracks = Counter(number for of_group in numbers for number in of_group)
    wanted = {number: max(round(share * count), 1) for number, count in tracks.items()}
    taken: Counter[str] = Counter()
    held_out: set[str] = set()
    for keys, of_group in zip(groups, numbers, strict=True):
        spare = all(taken[number] + 1 < tracks[number] for number in of_group)
        if spare and any(taken[number] < wanted[number] for number in of_group):
            held_out |= keys
            taken.update(of_group)
    return held_out


def _matches_to_hold_out(items: Sequence[SubSequence], share: float, seed: int) -> set[str]:
    """Keys of the sequences to hold out: those of known matches as far as they go, then of tracks without one."""
    sizes = Counter(item.key for item in items)
    known_keys = {item.key for item in items if item.match_known}
    groups = sorted(_linked(items, _match_or_track), key=lambda keys: _rank(seed, min(keys)))
    known = [keys for keys in groups if not keys.isdisjoint(known_keys)]
    others = [keys for keys in groups if keys.isdisjoint(known_keys)]
    wanted = share * len(items)
    whole = _near(known, sizes, wanted) or _smallest(known, sizes)
    rest = _near(others, sizes, wanted - _size(whole, sizes))
    return whole | rest or _smallest(groups, sizes)


def _near(groups: Sequence[set[str]], sizes: Mapping[str, int], wanted: float) -> set[str]:
    """Keys of the groups in turn, as long as each brings their size nearer to what is wanted; never of all groups."""
    left, taken = sum(_size(keys, sizes) for keys in groups), 0
    chosen: set[str] = set()
    for keys in groups:
        size = _size(keys, sizes)
        if size < left and abs(taken + size - wanted) < abs(taken - wanted):
            chosen |= keys
            taken, left = taken + size, left - size
    return chosen


def _smallest(groups: Sequence[set[str]], sizes: Mapping[str, int]) -> set[str]:
    """Keys of the smallest group; of none where there is but one."""
    return min(groups, key=lambda keys: _size(keys, sizes)) if len(groups) > 1 else set()


def _size(keys: Iterable[str], sizes: Mapping[str, int]) -> int:
    """Sub-folders of some sequences."""
    return sum(sizes[key] for key in keys)


def _linked(items: Iterable[SubSequence], tie: Callable[[SubSequence], Hashable]) -> list[set[str]]:
    """Sets of sequence keys that share a tie, directly or through other sequences (union-find)."""
    parent: dict[Hashable, Hashable] = {}

    def top(node: Hashable) -> Hashable:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent[parent[node]]
        return node

    for item in items:
        parent[top(("key", item.key))] = top(("tie", tie(item)))
    groups: dict[Hashable, set[str]] = defaultdict(set)
    for item in items:
        groups[top(("key", item.key))].add(item.key)
    return list(groups.values())
