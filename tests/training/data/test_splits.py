"""Splits of a data set: what belongs together stays together."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import make_tree

from training.data.layout import SubSequence, scan
from training.data.splits import (
    Split,
    SplitError,
    SplitKey,
    by_class,
    hold_out,
    leaky_split_by_subfolder,
    split_by,
    split_notes,
    tracks_on_both_sides,
)


def sub(number: str | None, sequence: str, subdir: str = "0", match: str | None = None) -> SubSequence:
    own = f"{number or -1}/{sequence}"
    return SubSequence(number, sequence, subdir, (Path(own) / subdir / "1_0_0.jpg",), None, match or own)


def keys(part: list[SubSequence]) -> set[str]:
    return {item.key for item in part}


def whole(items: list[SubSequence], split: Split) -> bool:
    return Counter([*split[0], *split[1]]) == Counter(items)


trees = st.lists(
    st.builds(
        sub,
        st.sampled_from(["7", "46", "00", None]),
        st.sampled_from([f"player_{i}_seq_{i}" for i in range(6)]),
        st.sampled_from("012"),
        st.sampled_from([None, "m1", "m2", "m3", "m4"]),
    ),
    max_size=40,
    unique_by=lambda item: (item.key, item.subdir),
)
shares = st.floats(0.01, 0.99)


@given(trees, st.sampled_from(["sequence", "match"]), shares, st.integers(0, 99))
def test_no_sequence_and_no_track_stands_on_both_sides(
    items: list[SubSequence], key: SplitKey, share: float, seed: int
) -> None:
    try:
        split = split_by(items, key, share, seed)
    except SplitError:
        return
    assert split[0]
    assert split[1]
    assert not keys(split[0]) & keys(split[1])
    assert not tracks_on_both_sides(*split)
    assert whole(items, split)
    if key == "sequence":
        assert {item.number for item in split[0]} == {item.number for item in items}
    else:
        assert not {item.match for item in split[0]} & {item.match for item in split[1]}


@given(trees, st.sampled_from(["sequence", "match"]), shares, st.randoms(use_true_random=False))
def test_the_order_of_the_input_changes_no_side(
    items: list[SubSequence], key: SplitKey, share: float, random: Random
) -> None:
    try:
        expected = keys(split_by(items, key, share)[1])
    except SplitError:
        return
    shuffled = list(items)
    random.shuffle(shuffled)
    assert keys(split_by(shuffled, key, share)[1]) == expected


@given(trees, shares)
def test_splitting_is_refused_only_where_nothing_can_be_held_out(items: list[SubSequence], share: float) -> None:
    items = [replace(item, sequence=f"{item.sequence}{item.folder}") for item in items]  # a track for every sequence
    sequences = Counter(key.partition("/")[0] for key in keys(items))
    if any(count > 1 for count in sequences.values()):
        assert split_by(items, "sequence", share)
    else:
        with pytest.raises(SplitError, match="leaves one side empty"):
            split_by(items, "sequence", share)


def test_every_number_gives_its_share_of_sequences() -> None:
    items = [
        sub(n, f"s{n}_{i}", k) for n, count in (("7", 40), ("46", 10), ("8", 1)) for i in range(count) for k in "01"
    ]
    train, held_out = split_by(items, "sequence", 0.2, seed=3)
    assert Counter(key.partition("/")[0] for key in keys(held_out)) == {"7": 8, "46": 2}
    assert Counter(key.partition("/")[0] for key in keys(train)) == {"7": 32, "46": 8, "8": 1}
    assert [item for item in items if item in held_out] == held_out, "the order of the input stays"


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("match", [None, "final"])
def test_a_tracks_sequences_under_its_number_and_under_none_stay_on_one_side(seed: int, match: str | None) -> None:
    tracks = [f"player_{i}_seq_{100 + i}" for i in range(20)]
    items = [sub(n, track, match=match) for track in tracks for n in ("7", None)]
    train, held_out = split_by(items, "sequence", 0.2, seed)
    assert Counter(item.number for item in held_out) == {"7": 4, None: 4}
    assert not {item.sequence for item in train} & {item.sequence for item in held_out}


def test_by_match_a_track_without_a_known_match_stays_whole() -> None:
    items = [sub(n, f"player_{i}_seq_{i}") for i in range(20) for n in ("7", None)]
    train, held_out = split_by(items, "match", 0.2)
    assert len(held_out) == 8
    assert not {item.sequence for item in train} & {item.sequence for item in held_out}


def test_a_number_keeps_its_only_sequence_where_its_track_has_another() -> None:
    one, other = "player_1_seq_1", "player_2_seq_2"
    items = [sub("7", one), sub("7", other), sub(None, one)]
    for seed in range(8):
        assert keys(split_by(items, "sequence", 0.5, seed)[1]) == {f"7/{other}"}
    with pytest.raises(SplitError, match="leaves one side empty"):
        split_by([*items, sub("8", other)], "sequence", 0.5)


def test_a_plain_name_under_every_number_is_no_track() -> None:
    items = [sub(n, f"seq{i}") for i in range(10) for n in ("7", "8", None)]
    _, held_out = split_by(items, "sequence", 0.2)
    assert Counter(item.number for item in held_out) == {"7": 2, "8": 2, None: 2}
    assert len({item.sequence for item in held_out}) > 2


def test_what_training_has_of_held_out_tracks_is_found() -> None:
    one = "player_1_seq_1"
    trained = [sub("7", one), sub("7", "b", match="m1"), sub("46", "c")]
    held_out = [
        sub(None, one),
        sub(None, "b", match="m1"),
        sub("8", "b", match="m2"),
        sub("46", "c", "1"),
        sub("9", "c"),
    ]
    assert tracks_on_both_sides(trained, held_out) == {f"-1/{one}", "-1/b", "46/c"}


def test_another_seed_holds_out_others_and_the_same_seed_the_same() -> None:
    items = [sub("7", f"s{i}") for i in range(50)]
    draws = [keys(split_by(items, "sequence", 0.3, seed)[1]) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_adding_sequences_leaves_most_where_they_were() -> None:
    items = [sub("7", f"s{i}") for i in range(100)]
    before = keys(split_by(items, "sequence", 0.2)[1])
    after = keys(split_by([*items, *(sub("7", f"new{i}") for i in range(5))], "sequence", 0.2)[1])
    assert len(before & after) >= 17


def test_matches_are_held_out_whole_and_near_the_share(tmp_path: Path) -> None:
    items = list(scan(make_tree(tmp_path, {"7": 10, "46": 10}, frames=1, matches=5)).items)
    train, held_out = split_by(items, "match", 0.4, seed=1)
    assert len({item.match for item in held_out}) == 2
    assert len(held_out) == 8
    assert not {item.match for item in train} & {item.match for item in held_out}


def test_a_sequence_listed_under_two_matches_ties_them() -> None:
    items = [sub("7", "a", "0", "m1"), sub("7", "a", "1", "m2"), sub("8", "b", "0", "m1"), sub("9", "c", "0", "m3")]
    train, held_out = split_by(items, "match", 0.5)
    assert {frozenset(keys(train)), frozenset(keys(held_out))} == {frozenset({"7/a", "8/b"}), frozenset({"9/c"})}


@pytest.mark.parametrize("seed", range(8))
def test_a_match_much_larger_than_the_share_is_trained_on(seed: int) -> None:
    sizes = {"big": 33, "m1": 8, "m2": 8, "m3": 4}
    items = [sub("7", f"{match}{i}", match=match) for match, count in sizes.items() for i in range(count)]
    held_out = split_by(items, "match", 0.2, seed)[1]
    assert "big" not in {item.match for item in held_out}
    assert 4 <= len(held_out) <= 16
    only_large = split_by([item for item in items if item.match in ("big", "m1")], "match", 0.05, seed)[1]
    assert {item.match for item in only_large} == {"m1"}, "the smallest, where every one is too large"


@pytest.mark.parametrize("seed", range(12))
def test_known_matches_are_drawn_before_what_has_none(seed: int) -> None:
    known = [sub("7", f"{match}_{i}", match=match) for match in ("m1", "m2", "m3") for i in range(10)]
    train, held_out = split_by([*known, *(sub("8", f"s{i}") for i in range(100))], "match", 0.2, seed)
    assert len({item.match for item in held_out if item.number == "7"}) == 2
    assert len(held_out) == 26
    assert not {item.match for item in train} & {item.match for item in held_out}
    split = split_by([*known[:20], *(sub("8", f"s{i}") for i in range(5))], "match", 0.05, seed)
    assert Counter(item.number for item in split[1]) == {"7": 10}, "one of them, however small the share"


@pytest.mark.parametrize("seed", range(8))
def test_the_only_known_match_is_trained_on(seed: int) -> None:
    items = [*(sub("7", f"a{i}", match="final") for i in range(10)), *(sub("8", f"s{i}") for i in range(40))]
    train, held_out = split_by(items, "match", 0.2, seed)
    assert len(held_out) == 10
    assert {item.number for item in held_out} == {"8"}
    one_number, *_ = split_notes(train, held_out, "match", 0.2)
    assert one_number.startswith("Only 8 is held out, so that a constant answer would be perfect")
    held_out += [sub("9", "t")]
    note = split_notes(train, held_out, "match", 0.2)
    assert note == [
        "No whole match is held out, since the one that is known (final) is trained on: what is measured says little "
        "of another match. Add a second match."
    ]
    assert not split_notes(train, held_out, "sequence", 0.2)
    assert not any("match" in note for note in split_notes(held_out, train[:2], "match", 0.2))
    assert not split_notes(items, [], "match", 0.2)


@pytest.mark.parametrize("match", [None, "final"])
def test_a_large_held_out_part_is_explained_by_the_split_that_was_made(match: str | None) -> None:
    items = [sub(str(n), f"s{n}_{i}", match=match) for n in range(9) for i in range(2)]
    train, held_out = hold_out(items, "sequence", 0.2)
    reason = "0.50 of the data is held out instead of 0.2, since sequences are held out whole, and of every number"
    (note,) = split_notes(train, held_out, "sequence", 0.2)
    assert note.startswith(reason)
    assert "split_by" not in note
    if match is None:  # by sequence all the same
        none_held_out, note = split_notes(*hold_out(items, "match", 0.2), "match", 0.2)
        assert none_held_out.startswith("No whole match")
        assert note.startswith(reason)
    two = [sub(str(i), f"s{i}", match=f"m{i % 2}") for i in range(8)]
    (note,) = split_notes(*hold_out(two, "match", 0.2), "match", 0.2)
    assert "since matches are held out whole; data.split_by sequence may come nearer" in note


def test_one_match_cannot_be_split() -> None:
    with pytest.raises(SplitError, match=r"Holding out 0\.5 of 4 sub-folders by match leaves one side empty"):
        split_by([sub("7", f"s{i}", match="final") for i in range(4)], "match", 0.5)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    for split in (lambda: split_by([sub("7", "a")], "sequence", share), lambda: leaky_split_by_subfolder([], share)):
        with pytest.raises(ValueError, match="allowed is above 0 and under 1"):
            split()


def test_classes_are_told_apart() -> None:
    items = [sub(n, "a") for n in ("4", "8", "48", "64", "00", None)]
    train, test = by_class(items, ["4", "8"], ["48"])
    assert [item.number for item in train] == ["4", "8"]
    assert [item.number for item in test] == ["48"]
    train, test = by_class(items, [], ["48", "-1"])
    assert [item.number for item in train] == ["4", "8", "64", "00"]
    assert [item.number for item in test] == ["48", None]
    assert by_class(items, ["4"], []) == ([items[0]], [])


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (["4", "8"], ["8"], "The number 8 is in the training and in the test classes"),
        (["5"], ["8"], r"No picture is of the training classes \(5\)"),
        (["4"], ["88"], r"No picture is of the test classes \(88\)"),
        ([], ["4", "8"], r"training classes \(every number outside the test classes\)"),
    ],
)
def test_class_lists_that_fit_nothing_are_refused(train: list[str], test: list[str], message: str) -> None:
    with pytest.raises(SplitError, match=message):
        by_class([sub("4", "a"), sub("8", "b")], train, test)


def test_the_leaky_split_leaks_as_the_seeds_did() -> None:
    items = [sub("7", f"s{i}", str(k)) for i in range(10) for k in range(4)]
    split = leaky_split_by_subfolder(items, 0.2)
    assert whole(items, split)
    assert len(split[1]) == 8
    assert keys(split[0]) & keys(split[1])
    with pytest.raises(SplitError, match="leaves one side empty"):
        leaky_split_by_subfolder(items[:2], 0.1)
