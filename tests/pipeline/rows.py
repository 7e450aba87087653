"""Tracks as a run finds them, made by hand."""

from pipeline.identity import Identity, Status
from pipeline.kits.teams import Team
from pipeline.results.outputs import TrackRow
from pipeline.results.spans import TrackSpan


def row(
    track_id: int,
    number: str | None,
    team: str | None = "red",
    status: Status = "unreadable",
    first: float = 0.4,
    confidence: float = 0.9,
    lasts: float = 1.2,
) -> TrackRow:
    """A track in view from `first` on until `lasts` seconds later."""
    identity = Identity(
        track_id=track_id,
        number=number,
        confidence=confidence if number else 0.0,
        status="read" if number else status,
        best=number,
        runner_up="8" if number else None,
        runner_up_confidence=0.05,
        n_reads=4,
        best_frame=12 if number else None,
    )
    last = first + lasts
    span = TrackSpan(track_id, round(25 * first), round(25 * last), first, last, 25, lasts, [(first, last)])
    return TrackRow(span, identity, Team(team, (200, 16, 0)) if team else None)
