"""Fusing reads into identities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.identity import IdentityFuser, IdentitySettings
from pipeline.types import WindowRead
from recognizer.labels import NUMBERS, encode


def make_read(number: str | None, frame: int = 0, sure: float = 0.95, track_id: int = 1) -> WindowRead:
    """A read whose heads each put `sure` on the number's class."""
    heads = []
    for digit in encode(number):
        probability = np.full(11, (1.0 - sure) / 10)
        probability[digit] = sure
        heads.append(np.log(probability).astype(np.float32))
    frames = np.arange(frame, frame + 5, dtype=np.int64)
    weights = np.array([0.1, 0.1, 0.6, 0.1, 0.1], np.float32)
    return WindowRead(track_id, frames, heads[0], heads[1], weights, frame, 0.5)


def fuse(*reads: WindowRead, settings: IdentitySettings | None = None) -> IdentityFuser:
    fuser = IdentityFuser(settings or IdentitySettings())
    for read in reads:
        fuser.add(read)
    return fuser


@given(st.sampled_from(NUMBERS))
def test_agreeing_reads_give_their_number(number: str) -> None:
    identity = fuse(*[make_read(number, frame) for frame in range(0, 30, 5)]).identity(1)
    assert (identity.number, identity.status) == (number, "read")
    assert identity.confidence > 0.9


def test_a_track_without_reads_is_too_short() -> None:
    identity = fuse().identity(7)
    assert (identity.number, identity.status, identity.n_reads) == (None, "too_short", 0)


def test_unreadable_windows_give_no_number() -> None:
    identity = fuse(*[make_read(None, frame) for frame in range(40)]).identity(1)
    assert (identity.number, identity.status) == (None, "unreadable")


def test_unreadable_windows_do_not_outvote_readable_ones() -> None:
    reads = [make_read("23", frame) for frame in range(4)] + [make_read(None, frame) for frame in range(100)]
    assert fuse(*reads).identity(1).number == "23"


def test_one_doubtful_window_is_not_enough() -> None:
    doubtful = make_read("7", 0, 0.3), make_read(None, 5)
    settings = IdentitySettings(min_confidence=0.0, min_readable=0.0, window_readable=0.0, min_votes=0.4)
    assert fuse(*doubtful, settings=settings).identity(1).status == "unreadable"
    again = fuse(*doubtful, make_read("7", 10, 0.9), settings=settings).identity(1)
    assert (again.number, again.status) == ("7", "read")


def test_a_number_that_no_window_takes_for_likelier_than_none_is_not_given() -> None:
    faint = make_read(None)
    units = np.full(11, 0.005)
    units[[1, 10]] = 0.43, 0.525
    reads = [
        WindowRead(1, faint.frame_indices, np.log(np.eye(11)[10] + 1e-4), np.log(units), faint.frame_weights, 0, 0.5)
    ]
    settings = IdentitySettings(min_confidence=0.0)
    found = fuse(*reads * 20, settings=settings).identity(1)
    assert (found.best, found.status) == ("1", "unreadable")
    assert fuse(*reads * 20, make_read("1"), settings=settings).identity(1).number == "1"


def test_two_numbers_in_one_track_conflict() -> None:
    reads = [make_read("10", frame) for frame in range(9)] + [make_read("23", frame) for frame in range(8)]
    identity = fuse(*reads).identity(1)
    assert (identity.number, identity.status) == (None, "conflicting")
    assert identity.runner_up == "23"


def test_where_two_numbers_conflict_the_confidence_is_their_agreement() -> None:
    reads = [make_read("10", frame) for frame in range(9)] + [make_read("23", frame) for frame in range(8)]
    identity = fuse(*reads).identity(1)
    assert 0.5 <= identity.confidence < 0.55


def test_votes_scattered_over_many_numbers_are_doubt() -> None:
    others = [str(number) for number in range(30, 70)]
    reads = [make_read("10", frame) for frame in range(3)] + [make_read(other) for other in others]
    scattered = fuse(*reads).identity(1)
    assert (scattered.best, scattered.number, scattered.status) == ("10", None, "conflicting")
    assert scattered == fuse(*reads, settings=IdentitySettings(min_agreement=0.0)).identity(1)
    assert scattered.confidence < 0.5


def test_the_runner_up_is_never_surer_than_the_likeliest() -> None:
    vague = fuse(make_read("46", sure=0.2), make_read("46", sure=0.2)).identity(1)
    assert 0.0 < vague.runner_up_confidence <= vague.confidence < 0.02


def test_confidence_grows_with_windows_that_agree_and_falls_with_those_that_scatter() -> None:
    def confidence(right: int, scattered: int) -> float:
        reads = [make_read("10", frame, sure=0.7) for frame in range(right)]
        return fuse(*reads, *[make_read(str(40 + k), sure=0.7) for k in range(scattered)]).identity(1).confidence

    assert confidence(1, 0) < confidence(2, 0) < confidence(4, 0)
    assert confidence(4, 4) < confidence(4, 2) < confidence(4, 0)


def test_four_times_the_windows_raise_the_odds_by_a_power_of_two() -> None:
    def odds(windows: int) -> float:
        confidence = fuse(*[make_read("10", frame, sure=0.7) for frame in range(windows)]).identity(1).confidence
        return confidence / (1.0 - confidence)

    assert odds(8) / odds(2) == pytest.approx(2.0 ** IdentitySettings().steepness)


def test_even_support_is_that_of_a_number_as_likely_right_as_wrong() -> None:
    steep = IdentitySettings(even_support=0.4, steepness=50.0)
    below, above = (fuse(*[make_read("10", 0, sure)], settings=steep).identity(1) for sure in (0.7, 0.8))
    assert below.confidence < 0.5 < above.confidence


def test_the_steepest_curve_is_a_threshold() -> None:
    threshold = IdentitySettings(steepness=1e6)
    assert fuse(*[make_read("10", frame) for frame in range(4)], settings=threshold).identity(1).confidence == 1.0
    assert fuse(*[make_read(number) for number in NUMBERS], settings=threshold).identity(1).confidence == 0.0


def test_one_wild_read_does_not_change_the_number() -> None:
    reads = [make_read("10", frame) for frame in range(10)] + [make_read("23", 90, sure=0.999)]
    assert fuse(*reads).identity(1).number == "10"


def test_numbers_stay_text() -> None:
    zero = fuse(*[make_read("0", frame) for frame in range(6)]).identity(1)
    double_zero = fuse(*[make_read("00", frame) for frame in range(6)]).identity(1)
    assert (zero.number, double_zero.number) == ("0", "00")


def test_tracks_do_not_mix() -> None:
    reads = [make_read("7", f, track_id=1) for f in range(6)] + [make_read("8", f, track_id=2) for f in range(6)]
    fuser = fuse(*reads)
    assert (fuser.identity(1).number, fuser.identity(2).number) == ("7", "8")


def test_the_best_frame_is_the_weightiest_frame_of_the_clearest_window() -> None:
    fuser = fuse(make_read("9", 0, sure=0.8), make_read("9", 100, sure=0.99), make_read("9", 200, sure=0.9))
    assert fuser.identity(1).best_frame == 102


def test_a_number_seen_faintly_in_many_windows_can_be_looked_at() -> None:
    fuser = fuse(*[make_read("7", frame, sure=0.4) for frame in (0, 100, 200, 300)])
    seen = fuser.identity(1)
    assert (seen.best, seen.best_frame) == ("7", 302)


@given(st.permutations([("10", 0.9), ("10", 0.8), ("16", 0.7), (None, 0.9), ("10", 0.95)]))
def test_order_of_reads_does_not_matter(order: list[tuple[str | None, float]]) -> None:
    identity = fuse(*[make_read(n, i, sure) for i, (n, sure) in enumerate(order)]).identity(1)
    reference = fuse(make_read("10", 0, 0.9), make_read("10", 1, 0.8), make_read("16", 2, 0.7)).identity(1)
    assert identity.best == reference.best == "10"
    assert identity.confidence >= 0.5


@given(st.lists(st.tuples(st.sampled_from((*NUMBERS, None)), st.floats(0.1, 0.999)), max_size=30))
def test_identity_is_always_well_formed(reads: list[tuple[str | None, float]]) -> None:
    identity = fuse(*[make_read(n, i, sure) for i, (n, sure) in enumerate(reads)]).identity(1)
    assert 0.0 <= identity.confidence <= 1.0
    assert (identity.number is not None) == (identity.status == "read")
    assert identity.n_reads == len(reads)


@pytest.mark.parametrize(
    "field", ["min_confidence", "min_agreement", "min_readable", "min_votes", "even_support", "steepness"]
)
def test_settings_are_checked(field: str) -> None:
    with pytest.raises(ValueError, match=rf"{field} is -1\.5; allowed is"):
        IdentitySettings(**{field: -1.5})


def test_only_numbers_that_are_worn_are_given() -> None:
    reads = [make_read("56", frame) for frame in range(5)] + [make_read("36", frame) for frame in range(5, 10)]
    assert fuse(*reads).identity(1).status == "conflicting"
    identity = fuse(*reads, settings=IdentitySettings(numbers=(9, 36, "00"))).identity(1)
    assert (identity.number, identity.best_frame) == ("36", 11)
    assert identity.runner_up in {"9", "00"}
    assert fuse(*reads, settings=IdentitySettings(numbers=(36,))).identity(1).runner_up is None


def test_a_track_that_shows_numbers_nobody_wears_is_in_doubt() -> None:
    reads = [make_read("56", frame) for frame in range(10)] + [make_read("9", frame) for frame in range(10, 12)]
    settings = IdentitySettings(numbers=("9", "10"))
    identity = fuse(*reads, settings=settings).identity(1)
    assert (identity.number, identity.best, identity.status) == (None, "9", "conflicting")
    assert identity.confidence < fuse(*reads[10:], settings=settings).identity(1).confidence


@pytest.mark.parametrize("number", [100, -1, "07", "7a"])
def test_a_number_that_no_shirt_bears_is_refused(number: int | str) -> None:
    with pytest.raises(ValueError, match=f"numbers holds {number!r}; allowed are 0 to 99"):
        IdentitySettings(numbers=(9, number))
