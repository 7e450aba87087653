"""Tracks put together to players, players.csv and the printed table."""

import csv
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import row

from pipeline.results.outputs import TrackRow
from pipeline.results.players import Player, join_tracks, keep_one_wearer, write_players
from pipeline.results.report import table
from pipeline.results.spans import FrameTimes, TrackSpan, seconds_of


def tracks(players: list[Player]) -> list[list[int]]:
    return [[one.span.track_id for one in player.rows] for player in players]


def test_a_player_who_comes_back_is_one_player() -> None:
    rows = [row(9, "7", first=5.0, confidence=0.97, lasts=2.0), row(2, "7", first=0.0), row(3, "9", first=5.0)]
    seven, nine = join_tracks(rows)
    assert tracks([seven, nine]) == [[2, 9], [3]]
    assert (seven.player_id, seven.team, seven.number) == (1, "red", "7")
    assert (seven.confidence, seven.seconds_seen) == (0.97, pytest.approx(3.2))


def test_one_number_worn_by_both_teams_is_two_players() -> None:
    assert tracks(join_tracks([row(1, "11"), row(2, "11", "blue", first=8.0)])) == [[2], [1]]


def test_two_at_once_are_two_people() -> None:
    assert tracks(join_tracks([row(1, "7"), row(2, "7", lasts=3.0)])) == [[2], [1]]
    three = join_tracks([row(1, "7", first=0.0), row(2, "7", first=0.3), row(3, "7", first=4.0)])
    assert tracks(three) == [[1, 3], [2]]


@pytest.mark.parametrize(("late", "joined"), [(0.69, False), (0.71, True)])
def test_a_second_box_for_a_moment_is_the_same_player(late: float, joined: bool) -> None:
    assert (len(join_tracks([row(1, "7", first=0.0), row(2, "7", first=late)])) == 1) is joined


def test_one_wearer_of_a_number_at_a_time_is_one_player() -> None:
    """A short track within a long one, and one that begins just as long before the end as two boxes may last."""
    for late in (row(2, "7", first=0.2, lasts=0.4), row(2, "7", first=0.5)):
        rows = keep_one_wearer([row(1, "7", first=-0.2), late])
        assert [one.identity.number for one in rows] == ["7", "7"]
        assert len(join_tracks(rows)) == 1


@pytest.mark.parametrize("team", [None, "other"])
def test_a_kit_that_nobody_knows_joins_nothing(team: str | None) -> None:
    assert len(join_tracks([row(1, "7", team, first=0.0), row(2, "7", team, first=5.0)])) == 2


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["7", "17", None]), st.sampled_from(["red", "blue", None]), st.floats(0, 20, width=16)
        ),
        max_size=12,
    )
)
def test_every_track_with_a_number_is_in_one_player(found: list[tuple[str | None, str | None, float]]) -> None:
    rows = [row(k, number, team, first=first) for k, (number, team, first) in enumerate(found)]
    players = join_tracks(rows)
    assert sorted(track for player in tracks(players) for track in player) == [
        k for k, (number, _, _) in enumerate(found) if number
    ]
    assert [player.player_id for player in players] == list(range(1, len(players) + 1))
    for player in players:
        assert {(one.identity.number, one.team) for one in player.rows} == {(player.number, player.rows[0].team)}


def test_of_two_wearers_at_once_the_surer_keeps_the_number() -> None:
    rows = [row(1, "71", confidence=0.88), row(2, "71", confidence=0.99), row(3, "71", "blue"), row(4, "7")]
    kept = keep_one_wearer(rows)
    assert [one.identity.number for one in kept] == [None, "71", "71", "7"]
    assert (kept[0].status, kept[0].identity.best, kept[0].identity.confidence) == ("duplicate", "71", 0.88)
    assert kept[1:] == rows[1:]


def test_of_two_as_sure_the_one_that_was_read_more_keeps_the_number() -> None:
    often = row(2, "71")
    often = replace(often, identity=replace(often.identity, n_reads=9))
    assert [one.identity.number for one in keep_one_wearer([row(1, "71"), often])] == [None, "71"]


def test_a_persons_number_stays_and_takes_it_from_all_beside() -> None:
    said = [replace(one, identity=replace(one.identity, status="corrected")) for one in (row(1, "5"), row(2, "5"))]
    said[1] = replace(said[1], span=row(2, "5", first=1.0).span)
    late = row(3, "5", first=1.7, confidence=1.0)  # beside the second of them alone
    kept = keep_one_wearer([late, *said])
    assert [one.identity.number for one in kept] == [None, "5", "5"]


@pytest.mark.parametrize("team", [None, "other"])
def test_without_a_kit_nobody_loses_a_number(team: str | None) -> None:
    rows = [row(1, "7", team), row(2, "7", team)]
    assert keep_one_wearer(rows) == rows


def test_one_after_the_other_may_wear_a_number() -> None:
    rows = [row(1, "7", first=0.0), row(2, "7", first=0.8), row(3, "7", first=9.0)]
    assert keep_one_wearer(rows) == rows


def test_time_for_which_a_track_is_lost_is_not_seen() -> None:
    times = FrameTimes(0.04)
    for index in range(150):
        times.add(0.04 * index)

    def seen(one: TrackRow, frames: Iterable[int]) -> TrackRow:
        span = TrackSpan.starting(one.span.track_id, next(iter(frames)), times)
        for index in frames:
            span.see(index, times)
        return replace(one, span=span)

    lost = seen(row(1, "7", confidence=0.99), [*range(50), *range(78, 150)])
    between = seen(row(2, "7"), range(52, 90))
    assert lost.span.stretches == [pytest.approx((-0.04, 1.96)), pytest.approx((3.08, 5.96))]
    assert lost.span.seconds_shared(between.span) == between.span.seconds_shared(lost.span) == pytest.approx(0.48)
    assert [one.identity.number for one in keep_one_wearer([lost, between])] == ["7", "7"]
    assert tracks(join_tracks([lost, between])) == [[1, 2]]


def test_a_second_box_is_not_time_seen_twice() -> None:
    """Two tracks of one player share half a second, and a third lies within the second."""
    (player,) = join_tracks([row(1, "7", first=0.0, lasts=2.0), row(2, "7", first=1.6, lasts=2.0)])
    assert player.seconds_seen == pytest.approx(3.6)
    spans = [one.span for one in (*player.rows, row(3, "7", first=1.7, lasts=0.5), row(4, "7", first=9.0, lasts=1.0))]
    assert seconds_of(spans) == pytest.approx(4.6)
    assert seconds_of([]) == 0.0


def test_a_gap_in_the_stream_is_not_time_seen_together() -> None:
    times = FrameTimes(0.04)
    for now in (0.0, 0.04, 10.0, 10.04):
        times.add(now)
    one, two = TrackSpan.starting(1, 0, times), TrackSpan.starting(2, 0, times)
    for index in range(4):
        one.see(index, times)
        two.see(index, times)
    assert one.stretches == [pytest.approx((-0.04, 0.04)), pytest.approx((9.75, 10.04))]
    assert one.seconds_seen == one.seconds_shared(two) == pytest.approx(0.37)


def test_frames_of_a_variable_rate_are_seen_for_as_long_as_they_are_shown() -> None:
    times = FrameTimes(0.04)
    for now in (0.0, 0.12, 0.15, 0.35):
        times.add(now)
    span = TrackSpan.starting(1, 0, times)
    for index in range(4):
        span.see(index, times)
    assert span.seconds_seen == pytest.approx(0.39)
    assert len(span.stretches) == 1


def test_players_csv_names_the_tracks(tmp_path: Path) -> None:
    write_players(tmp_path / "p.csv", join_tracks([row(4, "0", first=0.0), row(6, "0", first=7.0), row(1, None)]))
    with (tmp_path / "p.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {
                "player_id": "1",
                "team": "red",
                "jersey_number": "0",
                "confidence": "0.9000",
                "n_tracks": "2",
                "tracks": "4 6",
                "seconds_seen": "2.400",
                "first_time_s": "0.000",
                "last_time_s": "8.200",
            }
        ]


def printed(rows: list[TrackRow]) -> list[str]:
    return table(join_tracks(rows), rows).splitlines()


def test_the_table_tells_of_tracks_in_which_nothing_was_looked_at() -> None:
    small = row(1, None)
    small = replace(small, identity=replace(small.identity, n_reads=0))
    assert printed([small, row(2, None)]) == [
        "2 tracks got no number: too small, blurred or hidden to be looked at (1), none could be read (1)."
    ]


def test_the_table_is_sorted_by_team_and_number_and_counts_the_unread() -> None:
    rows = [
        row(1, "10", lasts=2.0, first=9.0),
        row(2, "9", "blue"),
        row(3, "9"),
        row(4, None, status="too_short"),
        row(5, None),
        row(6, None, status="too_short"),
        row(7, "00"),
        row(8, "0"),
        row(9, "10", lasts=5.0),
    ]
    lines = printed(rows)
    assert lines[0].split() == ["team", "number", "confidence", "seconds", "seen", "tracks"]
    assert [line.split() for line in lines[1:6]] == [
        ["blue", "9", "0.90", "1.2", "2"],
        ["red", "0", "0.90", "1.2", "8"],
        ["red", "00", "0.90", "1.2", "7"],
        ["red", "9", "0.90", "1.2", "3"],
        ["red", "10", "0.90", "7.0", "9", "1"],
    ]
    assert lines[6] == "3 tracks got no number: seen too briefly (2), none could be read (1)."


def test_the_table_of_an_empty_pitch() -> None:
    assert printed([]) == ["No player was found."]
    assert printed([row(1, None, status="conflicting")]) == [
        "1 track got no number: reads that do not agree well enough (1)."
    ]


@pytest.mark.parametrize(("confidence", "shown"), [(0.899, "0.89"), (0.9985, "0.99"), (1.0, "0.99")])
def test_the_table_rounds_confidence_down(confidence: float, shown: str) -> None:
    assert printed([row(1, "7", confidence=confidence)])[1].split()[2] == shown
