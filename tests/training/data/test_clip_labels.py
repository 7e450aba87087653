"""The tables beside a clip: what their rows mean, and one sentence for what cannot be used, whoever reads them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from building_media import write_csv

from training.data.clip_labels import (
    BOX_COLUMNS,
    LABEL_COLUMNS,
    Stretch,
    Verdict,
    boxes_by_frame,
    read_boxes,
    read_labels,
)
from training.data.tables import TableError
from training.detector.data import read_tracked_boxes
from training.evaluation.scoring import read_truth
from training.mixture.players import load_clip_tracks, load_crop_folders
from training.mixture.recipe import LABELS
from training.mixture.rendered import load_rendered_clip

FORM = "track,first_frame,last_frame,number,team,role,sure,note\n"


def labels_with(folder: Path, **changes: object) -> Path:
    row = {"track": 1, "first_frame": 0, "last_frame": 9, "number": "7", "role": "player", "sure": 2, "note": "legible"}
    return write_csv(folder / "x.labels.csv", LABEL_COLUMNS, [tuple((row | changes)[c] for c in LABEL_COLUMNS)])


@pytest.mark.parametrize(
    ("changes", "stretch"),
    [
        ({}, Stretch(0, 9, Verdict.LEGIBLE, "7")),
        ({"note": "inferred"}, Stretch(0, 9, Verdict.UNREADABLE, "7")),
        ({"number": "unknown", "role": "referee", "sure": 0, "note": ""}, Stretch(0, 9, Verdict.UNREADABLE, None)),
        ({"number": "unknown", "note": "unreadable"}, Stretch(0, 9, Verdict.UNREADABLE, None)),
        ({"number": "unknown", "note": ""}, Stretch(0, 9, Verdict.SKIP, None)),
        ({"number": "unknown", "note": "doubtful"}, Stretch(0, 9, Verdict.SKIP, None)),
        ({"sure": 0, "note": "f54 legible (f5-95)"}, Stretch(0, 9, Verdict.SKIP, "7")),
        ({"role": "ignore"}, Stretch(0, 9, Verdict.SKIP, "7")),
    ],
)
def test_what_a_labels_row_means(tmp_path: Path, changes: dict[str, object], stretch: Stretch) -> None:
    assert read_labels(labels_with(tmp_path, **changes)) == {1: [stretch]}


@pytest.mark.parametrize(
    ("note", "legible"),
    [
        ("f54 legible (f40-60)", [(40, 60)]),
        ("f54 legible (f50-60, f20-30); parts of 11 in the box f5-8", [(20, 30), (50, 60)]),
        ("f54 legible (f5-95); front from f368", [(10, 80)]),
        ("f54 legible (f20-40, f30-60)", [(20, 40), (41, 60)]),
        ("f78 legible", [(75, 80)]),
        ("f99 legible", []),
        ("legible", [(10, 80)]),
    ],
)
def test_only_the_frames_that_a_note_names_are_legible(
    tmp_path: Path, note: str, legible: list[tuple[int, int]]
) -> None:
    stretches = read_labels(labels_with(tmp_path, first_frame=10, last_frame=80, note=note))[1]
    assert [(s.first, s.last) for s in stretches if s.verdict is Verdict.LEGIBLE] == legible
    assert {s.verdict for s in stretches} <= {Verdict.LEGIBLE, Verdict.SKIP}
    assert {s.number for s in stretches} == {"7"}
    assert [frame for s in stretches for frame in range(s.first, s.last + 1)] == list(range(10, 81))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"number": "123"},
            "x.labels.csv, line 2: number is '123', allowed are 0 to 99 without a leading zero, 00, unk",
        ),
        ({"number": "07"}, "number is '07'"),
        ({"track": "one"}, "line 2: track is 'one', a whole number from 0 is expected"),
        ({"last_frame": -1}, "last_frame is '-1', a whole number from 0"),
        ({"first_frame": 10}, r"last_frame is '9', at least first_frame \(10\) is expected"),
        ({"sure": ""}, "sure is '', a whole number from 0"),
        ({"role": "Player"}, "role is 'Player', allowed are player, goalkeeper, referee, other, ignore"),
        ({"note": "illegible"}, "note is 'illegible', and 'unreadable' is expected"),
        ({"note": "turned, not legible"}, "'unreadable' is expected where the digits cannot be read"),
    ],
)
def test_a_labels_row_that_cannot_be_used(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(TableError, match=message):
        read_labels(labels_with(tmp_path, **changes))


def test_labelled_boxes_come_frame_by_frame(tmp_path: Path) -> None:
    rows = [(0, 1, 1, 2, 3, 4), (0, 2, 5, 6, 7, 8), (4, 1, 1, 2, 3.5, 4)]
    found = list(read_boxes(write_csv(tmp_path / "b.csv", BOX_COLUMNS, rows)))
    assert [(frame, boxes.track_id.tolist()) for frame, boxes in found] == [(0, [1, 2]), (4, [1])]
    assert found[1][1].xyxy.tolist() == [[1, 2, 3.5, 4]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [(4, 1, 1, 2, 3, 4), (0, 1, 1, 2, 3, 4)],
            "line 3: frame is '0', rows sorted by frame are expected, and frame 4",
        ),
        ([(0, 1, 1, 2, 3, 4), (0, 1, 1, 2, 3, 4)], "track is '1', one box of a track in frame 0 is expected"),
        ([(0, 1, 3, 2, 3, 4)], "x2 is '3', more than the other edge"),
        ([(0, 1, 1, 2, 3, "nan")], "y2 is 'nan', a number of at most 1e9"),
        ([(0, 1, 1, 2, "wide", 4)], "x2 is 'wide', a number is expected"),
    ],
)
def test_boxes_that_cannot_be_used(tmp_path: Path, rows: list[tuple[object, ...]], message: str) -> None:
    with pytest.raises(TableError, match=message):
        list(read_boxes(write_csv(tmp_path / "b.csv", BOX_COLUMNS, rows)))


def test_the_stretches_of_a_track_stay_in_order(tmp_path: Path) -> None:
    table = tmp_path / "clip.labels.csv"
    table.write_text(FORM + "3,0,10,7,red,player,2,legible\n3,12,20,7,red,player,2,inferred\n")
    assert read_labels(table) == {3: [Stretch(0, 10, Verdict.LEGIBLE, "7"), Stretch(12, 20, Verdict.UNREADABLE, "7")]}


def test_boxes_are_gathered_by_frame(tmp_path: Path) -> None:
    rows = [(0, 1, 1.5, 2, 3, 4), (0, 2, 5, 6, 7, 8), (4, 1, 1, 2, 3, 4)]
    boxes = boxes_by_frame(write_csv(tmp_path / "a.boxes.csv", BOX_COLUMNS, rows))
    assert {frame: rows.shape for frame, rows in boxes.items()} == {0: (2, 4), 4: (1, 4)}
    assert boxes[0][0].tolist() == [1.5, 2, 3, 4]


def test_of_a_clip_those_on_the_field_are_people_and_the_rest_is_doubtful(tmp_path: Path) -> None:
    labels = tmp_path / "a.labels.csv"
    labels.write_text(FORM + "1,0,3,7,red,player,2,legible\n2,0,9,unknown,none,other,0,\n")
    rows = [(0, 1, 0, 0, 1, 2), (0, 2, 5, 0, 6, 2), (4, 1, 1, 0, 2, 2), (4, 3, 7, 0, 8, 2)]
    people, doubtful = read_tracked_boxes(write_csv(tmp_path / "a.boxes.csv", BOX_COLUMNS, rows), labels)
    assert {frame: rows.tolist() for frame, rows in people.items()} == {0: [[0, 0, 1, 2]]}
    assert {frame: rows.tolist() for frame, rows in doubtful.items()} == {
        0: [[5, 0, 6, 2]],
        4: [[1, 0, 2, 2], [7, 0, 8, 2]],
    }


@pytest.mark.parametrize(
    "read",
    [
        lambda clip: load_clip_tracks(clip, clip.with_suffix(".boxes.csv"), clip.with_suffix(".labels.csv")),
        lambda clip: load_crop_folders(clip.parent, clip.with_suffix(".labels.csv")),
        lambda clip: read_tracked_boxes(clip.with_suffix(".boxes.csv"), clip.with_suffix(".labels.csv")),
        load_rendered_clip,
        read_truth,
    ],
    ids=["mixture", "crop folders", "detector", "rendered", "scoring"],
)
def test_a_blank_sure_is_one_sentence_for_every_reader(tmp_path: Path, read: Callable[[Path], object]) -> None:
    (tmp_path / "a.labels.csv").write_text(FORM + "1,0,9,7,red,player,,legible\n")
    (tmp_path / "a.boxes.csv").write_text("frame,track,x1,y1,x2,y2\n0,1,0,0,1,2\n")
    with pytest.raises(TableError, match=r"a\.labels\.csv, line 2: sure is '', a whole number from 0 is expected\.$"):
        read(tmp_path / "a.mp4")


def test_a_sighting_that_is_no_number_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.labels.csv").write_text(FORM + "1,0,9,7,red,player,2,legible\n")
    (tmp_path / "a.visibility.csv").write_text("frame,track,back_angle_degrees,digit_pixels,digits_seen\n0,1,2,,1\n")
    with pytest.raises(TableError, match=r"a\.visibility\.csv, line 2: digit_pixels is '', a number is expected\.$"):
        load_rendered_clip(tmp_path / "a.mp4")


def test_every_shipped_label_file_has_its_boxes() -> None:
    labels = sorted(LABELS.glob("*.labels.csv"))
    assert labels
    for table in labels:
        assert read_labels(table)
        assert next(read_boxes(table.with_name(table.name.replace(".labels.", ".boxes."))))
