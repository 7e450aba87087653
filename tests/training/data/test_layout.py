"""The folders of a data set."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import make_tree

from recognizer.errors import InputError
from recognizer.labels import NUMBERS
from training.data.layout import (
    MANIFEST,
    MANIFEST_COLUMNS,
    FrameName,
    LayoutError,
    frame_name,
    in_time_order,
    parse_frame_name,
    scan,
)


def reasons(root: Path) -> dict[str, str]:
    return {left.path.relative_to(root).as_posix(): left.reason for left in scan(root).rejected}


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_names_like_the_seeds() -> None:
    assert frame_name("759", 10368, 0, anchor=True) == "759_10368_0_anchor.jpg"
    assert frame_name("759", 10368, 1, anchor=False, suffix=".png") == "759_10368_1.png"
    assert parse_frame_name("759_10368_0_anchor.jpg") == FrameName("759", 10368, 0, True)


@pytest.mark.parametrize("name", ["frame12.jpg", "7_1.jpg", "7_1_2_best.jpg", "_1_2.jpg", "7_-1_2.jpg", "7_1_2"])
def test_names_of_another_form_are_not_parsed(name: str) -> None:
    assert parse_frame_name(name) is None


@pytest.mark.parametrize(("track", "frame"), [("", 0), ("a/b", 0), ("a\\b", 0), ("7_anchor", 0), ("7", -1)])
def test_names_that_could_not_be_read_back_are_refused(track: str, frame: int) -> None:
    with pytest.raises(ValueError, match=r"allowed is text without|at least 0"):
        frame_name(track, frame, 0, anchor=False)


tracks = st.text(min_size=1).filter(lambda t: "_anchor" not in t and not set("/\\\0") & set(t))


@given(tracks, st.integers(0, 10**9), st.integers(0, 999), st.booleans(), st.sampled_from([".jpg", ".png"]))
def test_a_frame_name_reads_back(track: str, frame: int, serial: int, anchor: bool, suffix: str) -> None:
    assert parse_frame_name(frame_name(track, frame, serial, anchor, suffix)) == (track, frame, serial, anchor)


def test_time_order_follows_the_frame_index_then_the_serial() -> None:
    names = ["9_100_0.jpg", "10_99_1_anchor.jpg", "9_99_0.jpg", "9_1000_0.jpg"]
    assert in_time_order(names) == ["9_99_0.jpg", "10_99_1_anchor.jpg", "9_100_0.jpg", "9_1000_0.jpg"]


def test_other_names_stand_in_natural_order() -> None:
    assert in_time_order(["f10.jpg", "f9.jpg", "7_1_0.jpg"]) == ["7_1_0.jpg", "f9.jpg", "f10.jpg"]


def test_a_tree_is_listed_by_number_sequence_and_sub_folder(tmp_path: Path) -> None:
    layout = scan(make_tree(tmp_path, {"-1": 1, "46": 1, "00": 1, "7": 2}, subdirs=2, frames=4))
    assert layout.rejected == ()
    assert [item.number for item in layout.items[::2]] == ["7", "7", "46", "00", None]
    first = layout.items[0]
    assert (first.key, first.subdir, first.anchor, len(first.frames)) == ("7/player_4_seq_104", "0", 2, 4)
    assert first.frames[2].name == "4_97_0_anchor.jpg"
    assert layout.items[-1].key == "-1/player_1_seq_101"
    assert all(item.match == item.key for item in layout.items)


def test_all_102_folders_are_known(tmp_path: Path) -> None:
    for name in (*NUMBERS, "-1"):
        touch(tmp_path / name / "s" / "0" / "1_0_0.jpg")
    layout = scan(tmp_path)
    assert [item.number for item in layout.items] == [*NUMBERS, None]
    assert layout.rejected == ()


@pytest.mark.parametrize("name", ["07", "100", "abc", "000", "-2", "+7", "7 ", "٧", "１"])
def test_a_folder_that_is_no_number_is_left_out(tmp_path: Path, name: str) -> None:
    make_tree(tmp_path, {"7": 1})
    touch(tmp_path / name / "s" / "0" / "1_0_0.jpg")
    assert reasons(tmp_path) == {name: f"{name!r} is no jersey number; allowed are '0' to '99', '00' and '-1'"}
    assert len(scan(tmp_path).items) == 1


def test_strays_and_empty_folders_are_left_out_with_their_reasons(tmp_path: Path) -> None:
    make_tree(tmp_path, {"7": 1})
    sequence = tmp_path / "7" / "player_1_seq_101"
    for folder in (tmp_path / "8", tmp_path / "9" / "empty", sequence / "5", sequence / "0" / "nested.jpg"):
        folder.mkdir(parents=True)
    for file in ("notes.txt", "12", "7/1_0_0.jpg", "7/player_1_seq_101/1_1_0.jpg", "7/player_1_seq_101/0/1_1_0.bmp"):
        touch(tmp_path / file)
    assert reasons(tmp_path) == {
        "12": "a file where a number folder belongs",
        "notes.txt": "a file where a number folder belongs",
        "8": "holds no folder where a sequence folder belongs",
        "9/empty": "holds no folder where a sub-folder belongs",
        "7/1_0_0.jpg": "a file where a sequence folder belongs",
        "7/player_1_seq_101/1_1_0.jpg": "a file where a sub-folder belongs",
        "7/player_1_seq_101/5": "holds no jpg or png picture",
        "7/player_1_seq_101/0/1_1_0.bmp": "is no jpg or png picture",
        "7/player_1_seq_101/0/nested.jpg": "is no jpg or png picture",
    }
    assert [len(item.frames) for item in scan(tmp_path).items] == [6]


def test_hidden_names_are_passed_over(tmp_path: Path) -> None:
    make_tree(tmp_path, {"7": 1})
    for file in (".DS_Store", ".cache/x", "7/.half/0/1_0_0.jpg", "7/player_1_seq_101/0/._1_0_0.jpg"):
        touch(tmp_path / file)
    layout = scan(tmp_path)
    assert layout.rejected == ()
    assert [len(item.frames) for item in layout.items] == [6]


def test_a_folder_that_cannot_be_listed_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tree(tmp_path, {"7": 1, "8": 1})
    listed = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "8":
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert reasons(tmp_path)["8"] == "cannot be listed: Permission denied"
    assert [item.number for item in scan(tmp_path).items] == ["7"]


def test_capital_suffixes_and_png_are_pictures(tmp_path: Path) -> None:
    for name in ("1_0_0.JPG", "1_1_0.jpeg", "1_2_0.Png"):
        touch(tmp_path / "7" / "s" / "0" / name)
    assert len(scan(tmp_path).items[0].frames) == 3


def test_the_first_of_several_anchors_counts_and_none_is_fine(tmp_path: Path) -> None:
    for name in ("1_0_0.jpg", "1_2_0_anchor.jpg", "1_1_0_anchor.jpg"):
        touch(tmp_path / "7" / "s" / "0" / name)
    touch(tmp_path / "7" / "s" / "1" / "1_0_0.jpg")
    touch(tmp_path / "7" / "s" / "2" / "best_anchor.jpg")
    assert [item.anchor for item in scan(tmp_path).items] == [1, None, 0]


def test_the_manifest_gives_the_match(tmp_path: Path) -> None:
    make_tree(tmp_path, {"7": 3, "46": 1}, matches=2)
    assert [item.match for item in scan(tmp_path).items] == ["match_1", "match_0", "match_1", "match_0"]
    assert scan(tmp_path).rejected == ()


def test_what_was_moved_to_another_number_by_hand_stays_with_its_match(tmp_path: Path) -> None:
    for folder in ("4/player_6_seq_51", "44/player_6_seq_51", "4/seq1", "44/seq1"):
        touch(tmp_path / folder / "0" / "6_0_0.jpg")
    rows = ["4,player_6_seq_51,0,final", "4,seq1,0,final"]
    (tmp_path / MANIFEST).write_text("\n".join([",".join(MANIFEST_COLUMNS[:4]), *rows]) + "\n")
    assert {item.key: item.match for item in scan(tmp_path).items} == {
        "4/player_6_seq_51": "final",
        "44/player_6_seq_51": "final",
        "4/seq1": "final",
        "44/seq1": "44/seq1",
    }


def test_a_sub_folder_the_manifest_lacks_takes_its_sequences_match(tmp_path: Path) -> None:
    make_tree(tmp_path, {"7": 2}, subdirs=2)
    row = ["7", "player_1_seq_101", "0", "final", "", "", "", "", ""]
    (tmp_path / MANIFEST).write_text("\n".join([",".join(MANIFEST_COLUMNS), ",".join(row)]), encoding="utf-8-sig")
    assert [i.match for i in scan(tmp_path).items] == ["final", "final", "7/player_2_seq_102", "7/player_2_seq_102"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"number,sequence\n", "lacks the column 'subdir'"),
        (b"", "lacks the column"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    make_tree(tmp_path, {"7": 1})
    (tmp_path / MANIFEST).write_bytes(data)
    with pytest.raises(LayoutError, match=rf"{MANIFEST} {message}"):
        scan(tmp_path)


def test_a_missing_or_empty_root_is_one_sentence(tmp_path: Path) -> None:
    assert issubclass(LayoutError, InputError)
    with pytest.raises(LayoutError, match="nowhere does not exist; give a folder of the form NUMBER/SEQUENCE/SUBDIR"):
        scan(tmp_path / "nowhere")
    with pytest.raises(LayoutError, match="file is no folder; give"):
        scan(touch(tmp_path / "file"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayoutError, match="empty holds no usable picture; give"):
        scan(tmp_path / "empty")
    touch(tmp_path / "wrong" / "07" / "s" / "0" / "1_0_0.jpg")
    with pytest.raises(LayoutError, match=r"no usable picture \(.*07: '07' is no jersey number"):
        scan(tmp_path / "wrong")


def test_the_description_counts_and_lists(tmp_path: Path) -> None:
    make_tree(tmp_path, {"7": 2, "-1": 1}, subdirs=2, frames=3)
    touch(tmp_path / "100" / "x")
    lines = scan(tmp_path).describe().splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["7", "2", "4", "12"],
        ["-1", "1", "2", "6"],
        ["all", "3", "6", "18"],
    ]
    assert lines[4].startswith("left out: ")
    assert "100: '100' is no jersey number" in lines[4]
