"""What the reads of a finished run say of its pictures: which show a number that is known, and which show none."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.results.outputs import READS, read_of_line
from pipeline.types import WindowRead
from recognizer.decode import NONE_INDEX, OUTCOMES, number_log_probs
from recognizer.errors import reason_of
from training.adapting.settings import LessonSettings
from training.data.clip_labels import Stretch, Verdict, stretch_at
from training.data.finished_runs import FinishedRun, RunError

Stretches = dict[int, list[Stretch]]
"""What is known of a track, and in which frames; by track."""
Corrections = Mapping[int, Sequence[Stretch]]
"""What a person says of a track, and in which frames; by track."""
_DOUBTED: Final = 0.5
"""A window that shows no number with this probability does not show the one that a person says its track wears."""


def lessons_of(run: FinishedRun, corrections: Corrections, settings: LessonSettings) -> Stretches:
    """What a run's reads say of its tracks.

    Args:
        run: the run.
        corrections: what a person says of some tracks, which counts instead of what the run gave, or what was said
            before.
        settings: what is taken.

    Raises:
        RunError: Its reads are missing or broken.
    """
    corrections = {**run.said, **corrections}
    reach = round(settings.reach_seconds * float(run.source.info.frames_per_second))
    shown = shown_numbers(read_windows(run.folder / READS), run.numbers, corrections, settings)
    return {track: spread(by_frame, reach, corrections.get(track)) for track, by_frame in sorted(shown.items())}


def shown_numbers(
    reads: Iterable[WindowRead], numbers: Mapping[int, str], corrections: Corrections, settings: LessonSettings
) -> dict[int, dict[int, str | None]]:
    """What windows show in their clearest picture: number, or None for none, by track and frame.

    A window of a track with a number shows that, or none, or nobody knows what; of a track without a number it
    can only be known to show none. Where a person says the number, a window that more likely shows some number shows
    this one, as the network may just not be able to read it.

    Args:
        reads: windows of a run.
        numbers: the tracks' numbers.
        corrections: see `lessons_of`.
        settings: what makes a window show a number, or none.
    """
    shown: dict[int, dict[int, str | None]] = defaultdict(dict)
    for read in reads:
        probability = np.exp(number_log_probs(read.tens, read.units))
        number = numbers.get(read.track_id)
        if read.track_id in corrections:
            said = stretch_at(corrections[read.track_id], read.anchor_frame)
            if said is None:
                continue
            if said.number is None or probability[NONE_INDEX] < _DOUBTED:
                shown[read.track_id][read.anchor_frame] = said.number
                continue
            number = None
        likeliest = OUTCOMES[int(probability.argmax())]
        if number is not None and (
            likeliest == number or probability[OUTCOMES.index(number)] > settings.min_probability
        ):
            shown[read.track_id][read.anchor_frame] = number
        elif probability[NONE_INDEX] > settings.min_unreadable:
            shown[read.track_id][read.anchor_frame] = None
    return dict(shown)


def spread(by_frame: Mapping[int, str | None], reach: int, within: Sequence[Stretch] | None = None) -> list[Stretch]:
    """Stretches round frames; two that come near each other share what is between them.

    >>> [(each.first, each.last, each.number) for each in spread({4: "7", 9: None}, 3)]
    [(1, 6, '7'), (7, 12, None)]

    Args:
        by_frame: what is shown, by frame.
        reach: frames to either side.
        within: stretches that hold all these frames, and none of which is left for what is shown in another; None for
            no limits.
    """
    stretches: list[Stretch] = []
    frames = sorted(by_frame)
    for before, frame, after in zip([None, *frames], frames, [*frames[1:], None], strict=False):
        first = max(0, frame - reach, 0 if before is None else (before + frame) // 2 + 1)
        last = frame + reach if after is None else min(frame + reach, (frame + after) // 2)
        if within is not None and (said := stretch_at(within, frame)):
            first, last = max(first, said.first), min(last, said.last)
        number = by_frame[frame]
        verdict = Verdict.UNREADABLE if number is None else Verdict.LEGIBLE
        stretches.append(Stretch(first, last, verdict, number))
    return stretches


def shares_wanted(pictures: Mapping[str | None, float], settings: LessonSettings) -> dict[str | None, float]:
    """Which share of the pictures of each number, and of none, leaves about as many as wanted; 0 to 1.

    Args:
        pictures: how many all runs together have.
        settings: how many are wanted.
    """
    most = {number: settings.most_unreadable if number is None else settings.most_pictures for number in pictures}
    return {number: min(1.0, most[number] / count) for number, count in pictures.items()}


def thinned(stretches: Stretches, shares: Mapping[str | None, float]) -> Stretches:
    """Some stretches of each number, and of none, evenly over a run.

    Args:
        stretches: of the run.
        shares: how much of each is kept, by `shares_wanted`.
    """
    kept: Stretches = {}
    due: defaultdict[str | None, float] = defaultdict(float)
    for track, some in stretches.items():
        for stretch in some:
            length = stretch.last - stretch.first + 1
            due[stretch.number] += length * shares[stretch.number]
            if due[stretch.number] >= length / 2:
                due[stretch.number] -= length
                kept.setdefault(track, []).append(stretch)
    return kept


def count_frames(stretches: Stretches) -> Counter[str | None]:
    """How many frames show each number; None stands for none."""
    counts: Counter[str | None] = Counter()
    for each in stretches.values():
        for stretch in each:
            counts[stretch.number] += stretch.last - stretch.first + 1
    return counts


def read_windows(path: Path) -> Iterator[WindowRead]:
    """The windows of a run, one at a time.

    Raises:
        RunError: The file is missing or broken.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            yield from map(read_of_line, lines)
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; make the run again with python -m pipeline.run.") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read ({reason_of(error)}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} holds no reads of a run ({error!r}); make the run again.") from error
