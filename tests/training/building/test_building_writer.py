"""Sequences appear whole, listed and once, whatever happens while they are built."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from building_media import make_crop, manifest_rows, pictures
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from training.building.manifest import Manifest, ManifestError, ManifestRow, Place, rows_from_text, rows_to_text
from training.building.origin import Origin, safe_track, sequence_name
from training.building.tree import BuildError, DatasetTree
from training.building.writer import Cutting, SequenceWriter
from training.data.layout import frame_name, parse_frame_name, scan

ORIGIN = Origin("match.mp4@abc", "derby", "video 1")
NAME = sequence_name(ORIGIN.source, "1")


def build(
    tree: DatasetTree, number: str | None = "7", frames: int = 3, origin: Origin = ORIGIN, track: str = "1"
) -> None:
    if tree.begin(origin) and (writer := tree.open(origin, number, track, Cutting())):
        for index in range(frames):
            writer.add(make_crop(index, quality=0.2 + 0.1 * (index == 1)))
        tree.commit(writer, origin, number)
        tree.settle()


def test_sequences_are_cut_at_gaps_and_the_best_picture_is_the_anchor(tmp_path: Path) -> None:
    writer = SequenceWriter(tmp_path / "seq", "759", Cutting(gap_seconds=1.0))
    for index, quality in [(10, 0.1), (11, 0.9), (35, 0.3), (61, 0.2), (62, 0.2)]:
        writer.add(make_crop(index, quality))
    assert [tuple(sub) for sub in writer.finish()] == [("0", 10, 35, 3), ("1", 61, 62, 2)]
    assert pictures(tmp_path / "seq") == [
        "0/759_10_0.jpg",
        "0/759_11_1_anchor.jpg",
        "0/759_35_2.jpg",
        "1/759_61_0_anchor.jpg",
        "1/759_62_1.jpg",
    ]
    pixels = np.asarray(Image.open(tmp_path / "seq/0/759_11_1_anchor.jpg"))
    assert np.abs(pixels.astype(int) - 11).max() <= 2


def test_a_gap_may_be_counted_in_frames(tmp_path: Path) -> None:
    writer = SequenceWriter(tmp_path / "seq", "1", Cutting(gap_seconds=None, gap_frames=4))
    for index in (0, 4, 9):
        writer.add(make_crop(index))
    assert [sub.frames for sub in writer.finish()] == [2, 1]


def test_long_tracks_are_cut_by_time(tmp_path: Path) -> None:
    writer = SequenceWriter(tmp_path / "seq", "1", Cutting(gap_seconds=1.0, max_seconds=0.4, min_pictures=2))
    for index in [*range(1, 28), 60, 61]:
        writer.add(make_crop(index, quality=index % 5 / 10))
    subs = [tuple(sub) for sub in writer.finish()]
    assert subs == [("0", 1, 10, 10), ("1", 11, 20, 10), ("2", 21, 27, 7), ("3", 60, 61, 2)]
    assert [sum("_anchor" in path.name for path in (tmp_path / "seq" / name).iterdir()) for name in "0123"] == [1] * 4
    assert parse_frame_name(next((tmp_path / "seq/1").glob("*_anchor.jpg")).name) == ("1", 14, 3, True)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 3601.0, float("nan")])
def test_a_length_that_is_not_allowed(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"max_seconds is .*; allowed is above 0 up to 3600"):
        Cutting(max_seconds=seconds)


def test_stretches_of_too_few_pictures_are_left_out(tmp_path: Path) -> None:
    writer = SequenceWriter(tmp_path / "seq", "1", Cutting(gap_seconds=1.0, min_pictures=2))
    for index in (0, 100, 101, 200):
        writer.add(make_crop(index))
    assert [tuple(sub) for sub in writer.finish()] == [("0", 100, 101, 2)]
    assert writer.left_out == 2
    assert len(pictures(tmp_path)) == 2


def test_a_built_tree_is_what_the_layout_reads(tmp_path: Path) -> None:
    with DatasetTree(tmp_path / "deep" / "root") as tree:
        build(tree)
        build(tree, None, 2, track="2")
    layout = scan(tree.root)
    assert layout.rejected == ()
    assert [(item.number, item.match, len(item.frames), item.anchor) for item in layout.items] == [
        ("7", "derby", 3, 1),
        (None, "derby", 2, 1),
    ]
    assert manifest_rows(tree.root)[0] == {
        "number": "7", "sequence": NAME, "subdir": "0", "match": "derby", "source": "match.mp4@abc",
        "first_frame": "0", "last_frame": "2", "frames": "3", "builder": "video 1",
    }  # fmt: skip
    assert (tree.tally.sequences, tree.tally.pictures, tree.tally.there_already) == (2, 5, 0)


def test_building_again_adds_nothing(tmp_path: Path) -> None:
    for _ in range(3):
        with DatasetTree(tmp_path) as tree:
            build(tree)
    assert tree.tally.there_already == 1
    assert tree.tally.sequences == 0
    assert len(manifest_rows(tmp_path)) == 1


def test_a_sequence_that_lost_a_picture_is_built_anew(tmp_path: Path) -> None:
    with DatasetTree(tmp_path) as tree:
        build(tree)
    whole = pictures(tmp_path)
    (tmp_path / whole[0]).unlink()
    with DatasetTree(tmp_path) as tree:
        build(tree)
    assert pictures(tmp_path) == whole
    assert len(manifest_rows(tmp_path)) == 1


def test_an_interrupted_build_leaves_whole_sequences_only(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), DatasetTree(tmp_path) as tree:
        build(tree)
        writer = tree.open(ORIGIN, "8", "2", Cutting())
        assert writer is not None
        writer.add(make_crop(0))
        assert pictures(tmp_path / ".part")
        assert len(scan(tmp_path).items) == 1
        raise KeyboardInterrupt
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7", "manifest.csv"]
    assert len(pictures(tmp_path)) == 3


def test_what_a_killed_build_left_half_is_removed_at_the_next_start(tmp_path: Path) -> None:
    half = tmp_path / ".part" / "4" / "player_9_seq_1" / "0"
    half.mkdir(parents=True)
    (half / "9_0_0.jpg").write_bytes(b"half")
    with DatasetTree(tmp_path):
        assert not half.exists()


@pytest.mark.parametrize("torn", ["", "7,player_1", "7,player_1_seq_"])
def test_a_build_killed_between_rename_and_manifest_is_repaired(tmp_path: Path, torn: str) -> None:
    root = tmp_path / "root"
    with DatasetTree(root) as tree:
        build(tree)
    listed = (root / "manifest.csv").read_text()
    rows = rows_from_text(listed.partition("\n")[2])
    journal = root / ".part" / "1" / "rows.csv"
    journal.parent.mkdir(parents=True)
    journal.write_text(rows_to_text(rows))
    (root / "manifest.csv").write_text(listed.partition("\n")[0] + "\n" + torn)
    with DatasetTree(root) as tree:
        build(tree)
    assert tree.tally.sequences == 0
    assert (root / "manifest.csv").read_text() == listed


@pytest.mark.parametrize("written", [True, False])
def test_an_interrupt_while_the_manifest_is_written_lists_the_sequence_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    add = Manifest.add

    def interrupted(self: Manifest, rows: list[ManifestRow]) -> None:
        monkeypatch.setattr(Manifest, "add", add)
        if written:
            Manifest(tmp_path / "manifest.csv").add(rows)
        raise KeyboardInterrupt

    monkeypatch.setattr(Manifest, "add", interrupted)
    with pytest.raises(KeyboardInterrupt), DatasetTree(tmp_path) as tree:
        build(tree)
    assert len(manifest_rows(tmp_path)) == 1
    with DatasetTree(tmp_path) as tree:
        build(tree)
    assert tree.tally.there_already == 1


def test_other_labels_or_settings_are_refused_unless_they_replace(tmp_path: Path) -> None:
    changed = Origin(ORIGIN.source, ORIGIN.match, "video 2")
    with DatasetTree(tmp_path) as tree:
        build(tree, "7")
        tree.end(ORIGIN)
    with (
        pytest.raises(BuildError, match=r"match\.mp4@abc is in .* already.*'video 1', now 'video 2'.*--replace"),
        DatasetTree(tmp_path) as tree,
    ):
        build(tree, "8", origin=changed)
    with DatasetTree(tmp_path, replace=True) as tree:
        build(tree, "8", origin=changed)
    assert [row["number"] for row in manifest_rows(tmp_path)] == ["8"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["8"]
    with DatasetTree(tmp_path, replace=True) as tree:
        assert tree.begin(ORIGIN), "what was built once and then replaced is not there any more"


def test_a_source_built_to_its_end_is_not_begun_again(tmp_path: Path) -> None:
    with DatasetTree(tmp_path) as tree:
        build(tree)
        assert tree.begin(ORIGIN)
        tree.end(ORIGIN)
    with DatasetTree(tmp_path) as tree:
        assert not tree.begin(ORIGIN)
        assert tree.begin(Origin("other.mp4", "", "video 1"))
    shutil.rmtree(tmp_path / "7")
    with DatasetTree(tmp_path) as tree:
        assert tree.begin(ORIGIN)


def test_a_name_another_source_has_taken_is_passed_over(tmp_path: Path) -> None:
    taken = ManifestRow("7", NAME, "0", "", "other.mp4", 0, 0, 1, "video 9")
    with DatasetTree(tmp_path) as tree:
        tree._store.manifest.add([taken])
        build(tree)
        build(tree)
    names = [row["sequence"] for row in manifest_rows(tmp_path)]
    assert names == [NAME, sequence_name(ORIGIN.source, "1", bump=1)]


def test_sequences_without_a_picture_leave_nothing(tmp_path: Path) -> None:
    root = tmp_path / "new" / "root"
    with DatasetTree(root) as tree:
        build(tree, frames=0)
    assert list(tmp_path.iterdir()) == []


def test_two_builds_do_not_write_to_one_root(tmp_path: Path) -> None:
    with DatasetTree(tmp_path) as tree:
        writer = tree.open(ORIGIN, "7", "1", Cutting())
        assert writer is not None
        writer.add(make_crop(0))
        with pytest.raises(BuildError, match="Another build is writing to"), DatasetTree(tmp_path):
            pass
        tree.commit(writer, ORIGIN, "7")
    assert len(pictures(tmp_path)) == 1


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BuildError, match="is a file, but a folder is needed"), DatasetTree(tmp_path / "file"):
        pass
    with pytest.raises(BuildError, match=r"Cannot write to .*file/root: not a directory"):
        DatasetTree(tmp_path / "file" / "root").__enter__()


def test_a_full_disk_is_named_and_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with (
        pytest.raises(BuildError, match=r"Cannot write to .*: no space left on device"),
        DatasetTree(tmp_path / "root") as tree,
    ):
        build(tree)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "its first line is 'a,b'"),
        ("number,sequence,subdir,match,source,first_frame,last_frame,frames,builder\n1,2\n", "2 columns in '1,2'"),
        ("number,sequence,subdir,match,source,first_frame,last_frame,frames,builder\n1,s,0,,,x,1,1,b\n", "'x'"),
    ],
)
def test_a_damaged_manifest_is_refused_and_kept(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(ManifestError, match=f"manifest.csv cannot be used .*{message}"), DatasetTree(tmp_path):
        pass
    assert (tmp_path / "manifest.csv").read_text() == text


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@given(st.lists(st.tuples(texts, texts, st.integers(0, 10**6)), max_size=4))
def test_manifest_rows_survive_their_file(parts: list[tuple[str, str, int]]) -> None:
    rows = [ManifestRow("7", "s", "0", match, source, n, n, n, "b") for match, source, n in parts]
    assert rows_from_text(rows_to_text(rows)) == rows


@given(texts, st.integers(0, 10**6), st.integers(0, 10**4), st.booleans())
def test_every_track_name_makes_file_names_that_read_back(text: str, frame: int, serial: int, anchor: bool) -> None:
    track = safe_track(text)
    parsed = parse_frame_name(frame_name(track, frame, serial, anchor))
    assert parsed == (track, frame, serial, anchor)


def test_sequence_names_depend_on_source_and_track_only() -> None:
    assert sequence_name("a.mp4", "1") == sequence_name("a.mp4", "1")
    assert len({sequence_name(source, track) for source in "abc" for track in "12"}) == 6
    assert sequence_name("a.mp4", "759").startswith("player_759_seq_")


def test_manifest_places_of_a_source(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "manifest.csv")
    manifest.add([ManifestRow("7", "s", "0", "", "a", 0, 1, 2, "b"), ManifestRow("7", "s", "1", "", "a", 3, 4, 2, "b")])
    assert manifest.places("a") == [Place("7", "s")]
    manifest.remove([Place("7", "s"), Place("8", "gone")])
    assert manifest.places("a") == []
    assert len((tmp_path / "manifest.csv").read_text().splitlines()) == 1
