"""Labels read by eye, laid over the pipeline's tracks: which number each tracked box shows."""

from collections.abc import Mapping, Sequence

from pipeline.types import TrackedBoxes
from training.data.clip_labels import Stretch, Verdict, stretch_at
from training.data.matching import pair


def numbers_in_frame(
    frame: int, tracked: TrackedBoxes, labelled: TrackedBoxes, stretches: Mapping[int, Sequence[Stretch]]
) -> dict[int, str | None]:
    """What the labels say about the tracks in one frame.

    Args:
        frame: 0-based index.
        tracked: boxes of the pipeline.
        labelled: boxes of the labels, those outside every stretch too: whoever overlaps one of them best is not known.
        stretches: by labelled track.

    Returns:
        By the pipeline's track: its number where it is legible, None where nobody could read one. Tracks that match
        no labelled box, or one of which nothing certain is known, are not in it.
    """
    numbers: dict[int, str | None] = {}
    for track, place in zip(tracked.track_id.tolist(), pair(tracked.xyxy, labelled.xyxy).tolist(), strict=True):
        if place < 0:
            continue
        stretch = stretch_at(stretches.get(int(labelled.track_id[place]), ()), frame)
        if stretch is not None and stretch.verdict is not Verdict.SKIP:
            numbers[track] = stretch.number if stretch.verdict is Verdict.LEGIBLE else None
    return numbers
