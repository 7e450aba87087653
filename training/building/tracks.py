"""Sorts the crops of a video into sequences by track and number, as they come."""

from collections.abc import Iterable

from pipeline.types import Crop
from training.building.origin import Origin
from training.building.tree import DatasetTree
from training.building.writer import Cutting, SequenceWriter


class TrackSequences:
    """The sequences of the tracks in sight; what is kept of each is a few figures.

    Args:
        tree: where they go; `begin` was called for the origin.
        origin: the video.
        cutting: how sequences are cut into sub-folders.
        min_quality: crops below are left out, as the pipeline never reads them.
    """

    def __init__(self, tree: DatasetTree, origin: Origin, cutting: Cutting, min_quality: float) -> None:
        self._tree = tree
        self._origin = origin
        self._cutting = cutting
        self._min_quality = min_quality
        self._tracks: dict[int, dict[str | None, SequenceWriter | None]] = {}

    def accepts(self, crop: Crop) -> bool:
        """Whether a crop is good enough to be added; one that is not is counted."""
        if crop.quality < self._min_quality:
            self._tree.tally.left_out["too small, blurred or hidden"] += 1
            return False
        return True

    def add(self, crop: Crop, number: str | None) -> None:
        """Add a crop of a track that shows `number` (None: nobody could read one)."""
        if not self.accepts(crop):
            return
        writers = self._tracks.setdefault(crop.track_id, {})
        if number not in writers:
            writers[number] = self._tree.open(self._origin, number, str(crop.track_id), self._cutting)
        writer = writers[number]
        if writer is not None:
            writer.add(crop)

    def close(self, track_ids: Iterable[int]) -> None:
        """Tracks that are over: put their sequences in place."""
        for track_id in track_ids:
            for number, writer in self._tracks.pop(track_id, {}).items():
                if writer is not None:
                    self._tree.commit(writer, self._origin, number)

    def flush(self) -> None:
        """End of the video: all tracks are over."""
        self.close(list(self._tracks))
