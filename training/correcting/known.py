"""What a finished run's tracks.csv says of each track."""

from pathlib import Path
from typing import Final, NamedTuple, get_args

from pipeline.identity import Identity, Status
from pipeline.kits.teams import Team
from pipeline.results.outputs import CSV_COLUMNS
from training.data.tables import Row, read_table

_STATUSES: Final = get_args(Status)


class Known(NamedTuple):
    """What a run knows of a track."""

    first_frame: int
    """0-based."""
    last_frame: int
    identity: Identity
    team: Team | None


def read_known(path: Path) -> dict[int, Known]:
    """The tracks of a table of `write_tracks`, by id.

    Raises:
        TableError: It is missing, or not as a run writes it.
    """
    return {
        row.whole("track_id"): Known(row.whole("first_frame"), row.whole("last_frame"), _identity(row), _team(row))
        for row in read_table(path, CSV_COLUMNS)
    }


def _identity(row: Row) -> Identity:
    status: Status = row.text("status")  # type: ignore[assignment]  # checked right below
    if status not in _STATUSES:
        raise row.error("status", f"expected is one of {', '.join(_STATUSES)}")
    best = row.number("likeliest", [""]) or None
    runner_up = row.number("runner_up", [""]) or None
    return Identity(
        track_id=row.whole("track_id"),
        number=row.number("jersey_number", [""]) or None,
        confidence=row.real("likeliest_confidence") if best else 0.0,
        status=status,
        best=best,
        runner_up=runner_up,
        runner_up_confidence=row.real("runner_up_confidence") if runner_up else 0.0,
        n_reads=row.whole("n_reads"),
        best_frame=row.whole("best_frame") if row.text("best_frame") else None,
    )


def _team(row: Row) -> Team | None:
    name, colour = row.text("team"), row.text("team_rgb")
    if not name:
        return None
    try:
        red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    except ValueError as error:
        raise row.error("team_rgb", "a colour such as #c81000 is expected") from error
    return Team(name, (red, green, blue))
