"""From a finished run of `python -m pipeline.run` and a person's corrections to sequences."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.config import as_plain
from pipeline.crops import cut_crops
from pipeline.results.outputs import BOXES
from pipeline.settings import Settings
from pipeline.types import Crop
from training.building.origin import Origin, digest
from training.building.progress import BuildProgress, Progress
from training.building.sight import READ_TOGETHER, NumberSight
from training.building.tracks import TrackSequences
from training.building.tree import DatasetTree, Tally
from training.building.video import video_name, warn_of_loss
from training.building.writer import Cutting
from training.data.clip_labels import Stretch, stretch_at
from training.data.corrections import read_corrections
from training.data.finished_runs import FinishedRun, open_finished_run


class CorrectedRun(NamedTuple):
    """A run and what is known of its tracks; those in neither of both tables are left out."""

    run: FinishedRun
    numbers: dict[int, str]
    """What the run itself read, by track; a picture is kept where the number is seen in it."""
    corrections: dict[int, list[Stretch]]
    """What a person says, by track; all pictures of a stretch are kept."""
    origin: Origin


def open_run(
    folder: Path, corrections: Path | None, video: Path | None, match: str | None, settings: Settings, cutting: Cutting
) -> CorrectedRun:
    """Check a run and its corrections, and tell what would be built from them.

    Args:
        folder: the run's folder.
        corrections: see `training.data.corrections.read_corrections`. None: no corrections.
        video: where the run's video lies now; by default where it was.
        match: key of the match; the video's name by default.
        settings: how crops are cut.
        cutting: how sequences are cut into sub-folders.

    Raises:
        InputError: The run, its video or the corrections cannot be used.
    """
    run = open_finished_run(folder, video, settings.crops)
    corrected = run.said | ({} if corrections is None else read_corrections(corrections, run.tracks, folder))
    numbers = {track: number for track, number in run.numbers.items() if track not in corrected}
    match = run.source.info.name if match is None else match
    recipe = digest(
        (folder / BOXES).read_bytes(),
        run.every,
        sorted(numbers.items()),
        run.weights_sha256 if numbers else "",
        sorted(corrected.items()),
        as_plain(settings.crops),
        settings.windows.min_quality,
        as_plain(cutting),
        match,
    )
    return CorrectedRun(run, numbers, corrected, Origin(video_name(run.source), match, f"run {recipe}"))


def build_run(
    tree: DatasetTree,
    corrected: CorrectedRun,
    sees: NumberSight,
    settings: Settings,
    cutting: Cutting,
    progress: Progress,
) -> None:
    """Decode a run's video once more and add the tracks whose number is known, or known to be unreadable.

    Of a track whose number the run read, only the pictures in which a number is seen are added: it turns its front to
    the camera too. What a person says holds for all pictures, as the network may just not be able to read them.

    Only the frames in which the run looked for people are cut from, as it read no others. No sequence is put in its
    place before the end: only then is it known whether the boxes stand beside the frames they were found in.

    Args:
        tree: where the sequences go.
        corrected: by `open_run`.
        sees: tells in which crops a number is seen; by the run's weights.
        settings: how crops are cut; only crops and `windows.min_quality` count.
        cutting: how sequences are cut into sub-folders.
        progress: called after every frame that is cut from.

    Raises:
        RunError: The video does not decode into as many frames as the run decoded; nothing of it is added,
            and what it was to replace stays.
    """
    if not tree.begin(corrected.origin):
        return
    run, info = corrected.run, corrected.run.source.info
    sequences = TrackSequences(tree, corrected.origin, cutting, settings.windows.min_quality)
    seen = _Seen(sequences, corrected.numbers, sees, tree.tally)
    for frame, boxes in run.looked_at():
        for crop in cut_crops(frame, boxes, settings.crops):
            if crop.track_id in corrected.numbers:
                seen.add(crop)
            elif crop.track_id not in corrected.corrections:
                tree.tally.left_out["of tracks without a number"] += 1
            elif stretch := stretch_at(corrected.corrections[crop.track_id], crop.frame_index):
                sequences.add(crop, stretch.number)
            else:
                tree.tally.left_out["outside the corrections' frames"] += 1
        progress(BuildProgress(info.name, "frames", frame.index + 1, run.frames, tree.tally.sequences))
    warn_of_loss(run.source)
    seen.flush()
    sequences.flush()
    tree.end(corrected.origin)


class _Seen:
    """Passes the crops of the run's own numbers on where the number is seen; reads them a batch at a time."""

    def __init__(self, sequences: TrackSequences, numbers: Mapping[int, str], sees: NumberSight, tally: Tally) -> None:
        self._sequences, self._numbers, self._sees, self._tally = sequences, numbers, sees, tally
        self._waiting: list[Crop] = []

    def add(self, crop: Crop) -> None:
        if self._sequences.accepts(crop):
            self._waiting.append(crop)
        if len(self._waiting) >= READ_TOGETHER:
            self.flush()

    def flush(self) -> None:
        crops, self._waiting = self._waiting, []
        for crop, seen in zip(crops, self._sees(crops) if crops else (), strict=True):
            if seen:
                self._sequences.add(crop, self._numbers[crop.track_id])
            else:
                self._tally.left_out["number not seen"] += 1
