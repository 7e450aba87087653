"""What becomes of a run that a person has corrected."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from building_media import FRAMES, write_run
from reads import read

from pipeline.identity import Identity
from pipeline.kits.teams import Team
from pipeline.results.folder import RECORD
from pipeline.results.outputs import BOXES, READS, TRACKS, ReadLog, TrackRow, read_mot, write_tracks
from pipeline.results.players import PLAYERS
from pipeline.results.spans import FrameTimes, TrackSpan
from recognizer.errors import InputError
from training.correcting.applying import CORRECTIONS, Outcome, correct
from training.correcting.known import read_known
from training.correcting.passages import Passage, passages
from training.data.clip_labels import Stretch, Verdict
from training.data.corrections import APPLIED
from training.data.finished_runs import open_finished_run

Table = dict[str, dict[str, str]]

RED = Team("red", (200, 16, 0))


def identity(track: int, number: str | None, confidence: float, given: bool = True) -> Identity:
    """Of four reads; one that is not given was silenced by a surer track."""
    return Identity(
        track_id=track,
        number=number if given else None,
        confidence=confidence,
        status="read" if given else "duplicate",
        best=number,
        runner_up="8",
        runner_up_confidence=0.02,
        n_reads=4,
        best_frame=12,
    )


@pytest.fixture
def run(video: Path, tmp_path: Path) -> Path:
    """Both players of the scene taken for 48, of which the first, who is surer, keeps it."""
    folder = write_run(tmp_path / "run", video, {})
    times = FrameTimes(0.04)
    spans = [TrackSpan(track, 0, 0, 0.0, 0.0) for track in (1, 2)]
    for index in range(FRAMES):
        times.add(index / 25)
        for span in spans:
            span.see(index, times)
    write_tracks(
        folder / TRACKS,
        [
            TrackRow(spans[0], identity(1, "48", 0.97), RED),
            TrackRow(spans[1], identity(2, "48", 0.91, given=False), RED),
        ],
    )
    with ReadLog(folder / READS) as log:
        log.add([read(track, anchor, "48") for anchor in (3, 12, 22, 27) for track in (1, 2)])
    return folder


def corrected(
    run: Path, said: Mapping[int, Sequence[Stretch]], folder: Path, video: bool = False
) -> tuple[Outcome, Table]:
    """The corrected run and its tracks.csv by track."""
    table = run.parent / "corrections.csv"
    table.write_text("track_id,jersey_number\n")
    folder.mkdir()
    result = correct(open_finished_run(run, None, None), said, table, folder, lambda update: None, video)
    with (folder / TRACKS).open(newline="") as file:
        return result, {row["track_id"]: row for row in csv.DictReader(file)}


def whole(number: str | None) -> list[Stretch]:
    return [Stretch(0, sys.maxsize, Verdict.LEGIBLE if number else Verdict.UNREADABLE, number)]


def test_a_persons_number_is_given_and_the_rest_stays(run: Path, tmp_path: Path) -> None:
    _, rows = corrected(run, {2: whole("46")}, tmp_path / "new")
    before = dict(zip(("1", "2"), csv.DictReader((run / TRACKS).open(newline="")), strict=True))
    assert rows["1"] == before["1"]
    told = {"jersey_number": "46", "confidence": "1.0000", "status": "corrected", "likeliest": "46"}
    told |= {"likeliest_confidence": "1.0000", "runner_up": "", "runner_up_confidence": "", "best_frame": ""}
    assert rows["2"] == before["2"] | told
    assert (tmp_path / "new" / BOXES).read_text() == (run / BOXES).read_text()
    assert (tmp_path / "new" / READS).read_text() == (run / READS).read_text()
    with (tmp_path / "new" / PLAYERS).open(newline="") as file:
        assert [row["jersey_number"] for row in csv.DictReader(file)] == ["46", "48"]


def test_a_number_that_was_right_keeps_its_best_frame(run: Path, tmp_path: Path) -> None:
    _, rows = corrected(run, {1: whole("48")}, tmp_path / "new")
    assert (rows["1"]["best_frame"], rows["1"]["status"]) == ("12", "corrected")


@pytest.mark.parametrize(("first", "second"), [("46", "read"), (None, "read"), ("48", "duplicate")])
def test_who_lost_a_number_to_a_track_gets_it_back_if_that_shows_another(
    first: str | None, second: str, run: Path, tmp_path: Path
) -> None:
    _, rows = corrected(run, {1: whole(first)}, tmp_path / "new")
    assert (rows["1"]["jersey_number"], rows["1"]["status"]) == (first or "", "corrected")
    assert (rows["2"]["jersey_number"], rows["2"]["status"]) == ("48" if second == "read" else "", second)


def test_a_person_may_give_two_tracks_one_number(run: Path, tmp_path: Path) -> None:
    _, rows = corrected(run, {1: whole("5"), 2: whole("5")}, tmp_path / "new")
    assert [row["jersey_number"] for row in rows.values()] == ["5", "5"]


def test_a_doubtful_number_is_not_given_for_want_of_a_rival(run: Path, tmp_path: Path) -> None:
    (run / TRACKS).write_text((run / TRACKS).read_text().replace("duplicate", "conflicting"))
    _, rows = corrected(run, {1: whole("46")}, tmp_path / "new")
    assert (rows["2"]["jersey_number"], rows["2"]["status"]) == ("", "conflicting")


def test_a_track_of_two_players_is_parted(run: Path, tmp_path: Path) -> None:
    said = [Stretch(2, 10, Verdict.LEGIBLE, "7"), Stretch(20, 29, Verdict.LEGIBLE, "46")]
    result, rows = corrected(run, {2: said}, tmp_path / "new")
    shown = {track: (row["jersey_number"], row["first_frame"], row["last_frame"]) for track, row in rows.items()}
    assert shown == {"1": ("48", "0", "29"), "2": ("7", "0", "19"), "3": ("46", "20", "29")}
    assert [(row["n_frames"], row["n_reads"], row["team"]) for row in rows.values()] == [
        ("30", "4", "red"),
        ("20", "2", "red"),
        ("10", "2", "red"),
    ]
    ids = {index: boxes.track_id.tolist() for index, boxes in read_mot(tmp_path / "new" / BOXES)}
    assert (ids[19], ids[20]) == ([1, 2], [1, 3])
    assert [row.span.track_id for row in result.rows] == [1, 2, 3]
    again = open_finished_run(tmp_path / "new", None, None)
    assert again.said == {2: said[:1], 3: said[1:]}, "each part with the frames in which its number was read"


def test_the_frames_in_which_a_number_was_read_stay_known(run: Path, tmp_path: Path) -> None:
    said = [Stretch(0, 9, Verdict.UNREADABLE, None), Stretch(10, 20, Verdict.LEGIBLE, "46")]
    _, rows = corrected(run, {2: said}, tmp_path / "new")
    assert (rows["2"]["jersey_number"], len(rows)) == ("46", 2)
    corrected(tmp_path / "new", {1: whole("7")}, tmp_path / "newer")
    assert open_finished_run(tmp_path / "newer", None, None).said == {1: whole("7"), 2: said}


def test_a_player_in_frames_in_which_his_track_is_lost_is_refused(run: Path, tmp_path: Path) -> None:
    boxes = (run / BOXES).read_text().splitlines(keepends=True)
    (run / BOXES).write_text("".join(line for line in boxes if not line.startswith(("16,2", "17,2"))))
    said = [Stretch(first, first + 1, Verdict.LEGIBLE, number) for first, number in ((3, "7"), (15, "9"), (17, "10"))]
    with pytest.raises(InputError, match="parts track 2 at frame 15, and one of the parts is in no frame"):
        corrected(run, {2: said}, tmp_path / "new")


def test_tables_that_do_not_belong_together_are_refused(run: Path, tmp_path: Path) -> None:
    boxes = (run / BOXES).read_text().splitlines(keepends=True)
    (run / BOXES).write_text("".join(line for line in boxes if line.split(",")[1] == "1"))
    with pytest.raises(InputError, match=r"tracks\.csv and tracks\.mot\.txt of the run .* do not list the same tracks"):
        corrected(run, {1: whole("7")}, tmp_path / "new")


def test_reads_that_no_run_wrote_cannot_be_parted(run: Path, tmp_path: Path) -> None:
    (run / READS).write_text('{"track_id": 2}\n')
    said = [Stretch(2, 10, Verdict.LEGIBLE, "7"), Stretch(20, 29, Verdict.LEGIBLE, "46")]
    with pytest.raises(InputError, match="is no file of a run's reads"):
        corrected(run, {2: said}, tmp_path / "new")


def test_of_two_tracks_as_sure_the_one_that_had_the_number_keeps_it(run: Path, tmp_path: Path) -> None:
    text = (run / TRACKS).read_text().replace("0.9700", "1.0000").replace("0.9100", "1.0000")
    (run / TRACKS).write_text(text.replace(",4,0,29,", ",3,0,29,", 1))
    _, rows = corrected(run, {}, tmp_path / "new")
    assert [row["jersey_number"] for row in rows.values()] == ["48", ""]


def test_the_record_tells_of_the_corrections(run: Path, tmp_path: Path) -> None:
    result, _ = corrected(run, {2: whole("46")}, tmp_path / "new")
    record = json.loads((tmp_path / "new" / RECORD).read_text())
    assert record["counts"]["tracks_by_status"] == {"read": 1, "corrected": 1}
    assert (record["counts"]["tracks_read"], record["counts"]["players"], record["counts"]["reads"]) == (2, 2, 8)
    assert record["files"] == result.files == [PLAYERS, TRACKS, BOXES, READS, APPLIED, RECORD]
    (told,) = record[CORRECTIONS]
    assert (told["run"], told["tracks"], record["encoder"]) == (str(run), 1, None)
    again = open_finished_run(tmp_path / "new", None, None)
    assert (again.numbers, again.said) == ({1: "48"}, {2: whole("46")})
    corrected(tmp_path / "new", {1: whole(None)}, tmp_path / "newer")
    record = json.loads((tmp_path / "newer" / RECORD).read_text())
    assert [told["run"] for told in record[CORRECTIONS]] == [str(run), str(tmp_path / "new")]
    assert open_finished_run(tmp_path / "newer", None, None).said == {1: whole(None), 2: whole("46")}


def test_the_video_is_drawn_anew(run: Path, tmp_path: Path) -> None:
    result, _ = corrected(run, {2: whole("46")}, tmp_path / "new", video=True)
    assert result.files[0] == "annotated.mp4" and (tmp_path / "new" / "annotated.mp4").stat().st_size > 1000


def test_stretches_of_one_number_count_for_the_whole_track() -> None:
    seven = [Stretch(first, first + 5, Verdict.LEGIBLE, "7") for first in (40, 10)]
    assert passages([*seven, Stretch(20, 30, Verdict.UNREADABLE, None)]) == [Passage(0, "7")]
    assert passages(whole(None)) == [Passage(0, None)]


def test_what_a_table_says_is_read_back(run: Path) -> None:
    first, second = read_known(run / TRACKS).values()
    assert (first.identity, first.team) == (identity(1, "48", 0.97), RED)
    assert second.identity == identity(2, "48", 0.91, given=False)


@pytest.mark.parametrize(("column", "value"), [("status", "sure"), ("team_rgb", "#c8"), ("team_rgb", "red")])
def test_a_table_that_no_run_wrote_is_refused(column: str, value: str, run: Path) -> None:
    with (run / TRACKS).open(newline="") as file:
        rows = [row | {column: value} for row in csv.DictReader(file)]
    with (run / TRACKS).open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(InputError, match=f"line 2: {column} is '{value}', "):
        read_known(run / TRACKS)
