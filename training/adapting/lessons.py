"""What the reads of a finished run say of its pictures: which show a number that is known, and which show none."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.results.outputs import READS, read_of_line
from pipeline.types import WindowRead
from recognizer.decode import NONE_INDEX, OUTCOMES, number_log_probs
from training.adapting.settings import LessonSettings
from training.data.clip_labels import Stretch, Verdict, stretch_at
from training.data.finished_runs import FinishedRun, RunError

Stretches = dict[int, list[Stretch]]
"""What is known of a track, and in which frames; by track."""
_DOUBTED: Final = 0.5
"""A window that shows no number with this probability does not show the one that a person says its track wears."""


def lessons_of(run: FinishedRun, corrections: Stretches, settings: LessonSettings) -> Stretches:
    """What a run's reads say of its tracks, about as many frames of each number as are wanted.

    Args:
        run: the run.
        corrections: what a person says, by track, which counts instead of what the run gave.
        settings: what is taken.

    Raises:
        RunError: Its reads are missing or broken.
    """
    rate = float(run.source.info.frames_per_second)
    reach = round(settings.reach_seconds * rate)
    return thinned(stretches_of(_reads(run.folder / READS), run.numbers, corrections, reach, settings), settings)


def stretches_of(
    reads: Iterable[WindowRead],
    numbers: Mapping[int, str],
    corrections: Stretches,
    reach: int,
    settings: LessonSettings,
) -> Stretches:
    """Frames round the clearest pictures of windows, by what the windows show.

    Args:
        reads: windows of a run.
        numbers: the tracks' numbers; of the other tracks only windows without a number count.
        corrections: see `lessons_of`.
        reach: frames to either side.
        settings: what makes a window show a number, or none.
    """
    shown: dict[int, dict[int, str | None]] = defaultdict(dict)
    for read in reads:
        probability = np.exp(number_log_probs(read.tens, read.units))
        if read.track_id in corrections:
            stretch = stretch_at(corrections[read.track_id], read.anchor_frame)
            if stretch and (stretch.number is None or probability[NONE_INDEX] < _DOUBTED):
                shown[read.track_id][read.anchor_frame] = stretch.number
            continue
        number, likeliest = numbers.get(read.track_id), OUTCOMES[int(probability.argmax())]
        if number is not None and (
            likeliest == number or probability[OUTCOMES.index(number)] > settings.min_probability
        ):
            shown[read.track_id][read.anchor_frame] = number
        elif probability[NONE_INDEX] > settings.min_unreadable:
            shown[read.track_id][read.anchor_frame] = None
    return {track: _spread(by_frame, reach) for track, by_frame in sorted(shown.items())}


def _spread(by_frame: Mapping[int, str | None], reach: int) -> list[Stretch]:
    """Stretches round frames, each frame in one at the most.

    >>> [(each.first, each.last, each.number) for each in _spread({4: "7", 9: None}, 3)]
    [(1, 7, '7'), (8, 12, None)]
    """
    stretches: list[Stretch] = []
    for frame, number in sorted(by_frame.items()):
        first = max(frame - reach, stretches[-1].last + 1 if stretches else 0)
        verdict = Verdict.UNREADABLE if number is None else Verdict.LEGIBLE
        if first <= frame + reach:
            stretches.append(Stretch(first, frame + reach, verdict, number))
    return stretches


def thinned(stretches: Stretches, settings: LessonSettings) -> Stretches:
    """As many stretches of each number, and without one, evenly over the run, as hold the frames that are wanted."""
    frames = count_frames(stretches)
    most = {number: settings.most_unreadable if number is None else settings.most_pictures for number in frames}
    every = {number: -(-count // most[number]) for number, count in frames.items()}
    seen: Counter[str | None] = Counter()
    kept: Stretches = {}
    for track, each in stretches.items():
        for stretch in each:
            if seen[stretch.number] % every[stretch.number] == 0:
                kept.setdefault(track, []).append(stretch)
            seen[stretch.number] += 1
    return kept


def count_frames(stretches: Stretches) -> Counter[str | None]:
    """How many frames show each number; None stands for none."""
    counts: Counter[str | None] = Counter()
    for each in stretches.values():
        for stretch in each:
            counts[stretch.number] += stretch.last - stretch.first + 1
    return counts


def _reads(path: Path) -> Iterable[WindowRead]:
    try:
        with path.open(encoding="utf-8") as lines:
            yield from map(read_of_line, lines)
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; make the run again with python -m pipeline.run.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} holds no reads of a run ({error!r}); make the run again.") from error
