"""Players: one wearer for each kit and number, and the tracks that are one person put together."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.kits.teams import OTHER
from pipeline.results.outputs import TrackRow
from pipeline.results.spans import seconds_of

PLAYERS: Final = "players.csv"

PLAYER_COLUMNS: Final = (
    "player_id",
    "team",
    "jersey_number",
    "confidence",
    "n_tracks",
    "tracks",
    "seconds_seen",
    "first_time_s",
    "last_time_s",
)

SHARED_SECONDS: Final = 0.5
"""Two tracks seen at once for longer than this are two people: a tracker that loses a player for a moment may give
him a second box beside the first."""


@dataclass(frozen=True, slots=True)
class Player:
    """A person with a known number."""

    player_id: int
    """Counted from 1 in the order of the table: by team, then number."""
    rows: tuple[TrackRow, ...]
    """His tracks in order of time; at least one."""

    @property
    def team(self) -> str:
        """Name of his kit, empty where no kit was seen."""
        team = self.rows[0].team
        return team.name if team else ""

    @property
    def number(self) -> str:
        """The number on his shirt."""
        return self.rows[0].identity.number or ""

    @property
    def confidence(self) -> float:
        """That of his surest track, 0 to 1: tracks were joined because they say the same."""
        return max(row.identity.confidence for row in self.rows)

    @property
    def seconds_seen(self) -> float:
        """In which at least one of his tracks was seen."""
        return seconds_of(row.span for row in self.rows)


def keep_one_wearer(rows: Sequence[TrackRow]) -> list[TrackRow]:
    """Take a number from all but the surest of the tracks that show it in one kit at the same time.

    Args:
        rows: All tracks.

    Returns:
        The same tracks in the same order; those that lost their number are `duplicate`.
    """
    doubles = second_wearers(rows)
    return [_silenced(row) if row.span.track_id in doubles else row for row in rows]


def second_wearers(rows: Iterable[TrackRow]) -> set[int]:
    """Tracks with a number that a surer track shows in the same kit at the same time.

    Two players of a side never wear one number, so that all but one of such tracks are misread, or are a second box on
    the same player. Where a person has given the number, it stays. Tracks whose kit is not known, or is none of the
    kits of the video, are never among them.
    """
    wearers: dict[tuple[str, str], list[TrackRow]] = defaultdict(list)
    doubles: set[int] = set()
    for row in sorted(rows, key=_surest_first):
        if row.identity.number and row.team and row.team.name != OTHER.name:
            same = wearers[row.team.name, row.identity.number]
            if row.status != "corrected" and any(_together(row, other) for other in same):
                doubles.add(row.span.track_id)
            else:
                same.append(row)
    return doubles


def _surest_first(row: TrackRow) -> tuple[bool, float, int]:
    """What puts the surest tracks first, and those of which a person has spoken before all others."""
    return row.status != "corrected", -row.identity.confidence, -row.identity.n_reads


def _together(one: TrackRow, other: TrackRow) -> bool:
    """Whether two tracks are seen at once for long enough to be two people."""
    return one.span.seconds_shared(other.span) > SHARED_SECONDS


def _silenced(row: TrackRow) -> TrackRow:
    return replace(row, identity=replace(row.identity, number=None, status="duplicate"))


def join_tracks(rows: Iterable[TrackRow]) -> list[Player]:
    """Put the tracks together that are one player: the same kit and number, at different times.

    A cut, a player who leaves the picture and one whom the tracker loses each end a track; the number says who comes
    back. Tracks of one kit and number that are seen at the same time cannot be one person and stay apart. Tracks whose
    kit is not known, or is none of the kits of the video, stay alone.

    Args:
        rows: Tracks; those without a number are left out.

    Returns:
        Players by team and number, those seen longer first where both are equal.
    """
    groups: dict[tuple[str, str], list[TrackRow]] = defaultdict(list)
    alone: list[list[TrackRow]] = []
    for row in sorted(rows, key=lambda row: row.span.first_time_seconds):
        if row.identity.number and row.team and row.team.name != OTHER.name:
            groups[row.team.name, row.identity.number].append(row)
        elif row.identity.number:
            alone.append([row])
    joined = alone + [player for group in groups.values() for player in _chains(group)]
    joined.sort(key=_order)
    return [Player(k, tuple(tracks)) for k, tracks in enumerate(joined, start=1)]


def _chains(rows: Sequence[TrackRow]) -> list[list[TrackRow]]:
    """Tracks in order of their start, each behind the first earlier ones that are not seen beside it."""
    chains: list[list[TrackRow]] = []
    for row in rows:
        for chain in chains:
            if not any(_together(row, other) for other in chain):
                chain.append(row)
                break
        else:
            chains.append([row])
    return chains


def _order(tracks: Sequence[TrackRow]) -> tuple[str, int, str, float]:
    team, number = tracks[0].team, tracks[0].identity.number or ""
    return (team.name if team else "~", int(number), number, -sum(row.span.seconds_seen for row in tracks))


def write_players(path: Path, players: Iterable[Player]) -> None:
    """Write players.csv: one row per player, `PLAYER_COLUMNS` in order; `tracks` holds track ids between blanks."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PLAYER_COLUMNS)
        for player in players:
            writer.writerow(
                [
                    player.player_id,
                    player.team,
                    player.number,
                    f"{player.confidence:.4f}",
                    len(player.rows),
                    " ".join(str(row.span.track_id) for row in player.rows),
                    f"{player.seconds_seen:.3f}",
                    f"{player.rows[0].span.first_time_seconds:.3f}",
                    f"{max(row.span.last_time_seconds for row in player.rows):.3f}",
                ]
            )
