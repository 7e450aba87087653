"""Follows people from frame to frame with one of ultralytics' trackers; nothing of theirs leaves this module."""

import importlib.util
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from pipeline.tracking.appearance import ShirtColours
from pipeline.types import Detections, Frame, TrackedBoxes
from pipeline.vendor import vendor_import
from recognizer.checks import require_choice, require_range
from recognizer.errors import InputError

TrackerKind = Literal["botsort", "bytetrack", "ocsort", "deepocsort", "fasttrack", "tracktrack"]
"""Trackers by the names ultralytics gives them."""
CameraMotion = Literal["sparseOptFlow", "orb", "sift", "ecc", "none"]
"""Ways to estimate how the camera moved between two frames."""
_MOTION_SIDE = 440
"""Longer side, pixels, of the picture in which that is done, about."""
_MOTION_POINTS = 200
_CONFIRMING_SECONDS = 0.12
"""tracktrack takes somebody for a person who is found for so long without a break, in three frames at the most."""


class TrackerError(InputError):
    """A tracker that cannot be made: a package is missing."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How people are followed."""

    kind: TrackerKind = "tracktrack"
    """One of botsort, bytetrack, ocsort, deepocsort, fasttrack, tracktrack."""
    high_threshold: float = 0.3
    """Confidence (0 to 1) from which a detection is matched to tracks first."""
    low_threshold: float = 0.1
    """Confidence (0 to 1) from which a detection may still continue a track that found no better one; ocsort and
    deepocsort pass weaker ones than high_threshold over."""
    new_threshold: float = 0.4
    """Confidence (0 to 1) from which a detection that fits no track starts one."""
    match_threshold: float = 0.7
    """Highest cost (0 to 1) of a match; lower is stricter. With tracktrack half of it is lack of overlap, half lack of
    common colours; with the others it is one minus overlap times the detection's confidence."""
    shirt_colours: bool = True
    """Whether people are told apart by the colours of their shirts too; used by tracktrack."""
    buffer_seconds: float = 1.2
    """How long (0 to 60 s) a track whose person is out of sight is kept to be found again. Every track ends at a gap
    of more than that, and of more than two frames, in the video itself."""
    camera_motion: CameraMotion = "sparseOptFlow"
    """One of sparseOptFlow, orb, sift, ecc, none; used by botsort, deepocsort and tracktrack."""
    cut_distance: float = 0.47
    """How much the colours of two frames must differ, 0 to 1, to be taken for a cut, at which every track ends; 1 for
    footage without cuts."""

    def __post_init__(self) -> None:
        require_choice("kind", self.kind, get_args(TrackerKind))
        require_choice("camera_motion", self.camera_motion, get_args(CameraMotion))
        for name in ("high_threshold", "low_threshold", "new_threshold", "match_threshold", "cut_distance"):
            require_range(name, getattr(self, name), 0, 1)
        require_range("buffer_seconds", self.buffer_seconds, 0, 60)
        if self.low_threshold > self.high_threshold:
            raise ValueError(
                f"low_threshold is {self.low_threshold}; allowed is at most high_threshold ({self.high_threshold})"
            )


class PlayerTracker:
    """Follows the people of one video; make a new one for each video.

    Args:
        settings: how people are followed.
        frames_per_second: of the frames that will be given; turns `buffer_seconds` into frames.

    Raises:
        TrackerError: the package `lap` is missing.
        ValueError: `frames_per_second` is not a positive number.
    """

    def __init__(self, settings: TrackerSettings, frames_per_second: float) -> None:
        if not (math.isfinite(frames_per_second) and frames_per_second > 0):
            raise ValueError(f"frames_per_second is {frames_per_second}, expected a positive number")
        self.settings, self._buffer_frames = settings, max(1, round(settings.buffer_seconds * frames_per_second))
        self._longest_gap = max(settings.buffer_seconds, 2.0 / frames_per_second)
        self._last_time: float | None = None
        self._confirming = min(3, max(1, round(_CONFIRMING_SECONDS * frames_per_second)))
        self._tracker = self._new_tracker()
        self._last_id = self._ids_before = 0
        self._public: dict[int, int] = {}
        """The id given to each of the tracker's, which leave some out."""
        self._frame_size: tuple[int, int] | None = None
        with vendor_import():
            from ultralytics.engine.results import Boxes
        self._boxes_class: Any = Boxes

    def update(self, frame: Frame, detections: Detections, begins_shot: bool = False) -> TrackedBoxes:
        """Continue the tracks into the next frame; call it for every frame in which people were looked for.

        Args:
            frame: the picture, from which the camera's motion is estimated.
            detections: the people found in it.
            begins_shot: whether a cut lies before it (`pipeline.tracking.cuts`).

        Returns:
            The detections that belong to a track, each with its track's id (from 1 on, in order of appearance).
            A person out of sight is not in the result, though the track may come back later; behind a cut or a gap
            every track is a new one.
        """
        if self._is_behind_gap(frame) or begins_shot:
            self._tracker = self._new_tracker()
            self._ids_before, self._frame_size = self._last_id, None
        if frame.size != self._frame_size and hasattr(self._tracker, "gmc"):
            _fit_camera_motion(self._tracker.gmc, max(frame.size))
        self._frame_size = frame.size
        width, height = frame.size
        rows = np.column_stack((detections.xyxy, detections.confidence, np.zeros(len(detections), np.float32)))
        found = self._tracker.update(self._boxes_class(rows.reshape(-1, 6), (height, width)), frame.bgr)
        if len(found) == 0:
            return TrackedBoxes.empty()
        track_id, index = found[:, 4].astype(np.int64) + self._ids_before, found[:, 7].astype(np.int64)
        self._last_id = max(self._last_id, int(track_id.max()))
        public = [self._public.setdefault(raw, len(self._public) + 1) for raw in track_id.tolist()]
        return TrackedBoxes(detections.xyxy[index], detections.confidence[index], np.array(public, np.int64))

    def _is_behind_gap(self, frame: Frame) -> bool:
        before, self._last_time = self._last_time, frame.time_seconds
        return before is not None and frame.time_seconds - before > self._longest_gap

    def _new_tracker(self) -> Any:  # noqa: ANN401  # ultralytics has no types
        return _make_tracker(self.settings, self._buffer_frames, self._confirming)


def _fit_camera_motion(motion: Any, longer_side: int) -> None:  # noqa: ANN401  # ultralytics has no types
    """Have the camera's motion estimated in a small picture from few points, and from this picture on.

    Half the points in a third of a 720p picture put its corners within a pixel of where ultralytics' defaults put
    them, which is how far those themselves are off when their number of points changes; it takes half the time.
    """
    motion.downscale = max(2, round(longer_side / _MOTION_SIDE))
    if hasattr(motion, "feature_params"):
        motion.feature_params["maxCorners"] = _MOTION_POINTS
    motion.reset_params()  # two pictures of different sizes cannot be compared


def _make_tracker(settings: TrackerSettings, buffer_frames: int, confirming: int) -> Any:  # noqa: ANN401  # ultralytics has no types
    """Ultralytics' tracker with its own defaults for what the settings leave open."""
    if importlib.util.find_spec("lap") is None:  # ultralytics would try to install it
        raise TrackerError("The tracker needs the package 'lap', which is not installed; run: pip install lap")
    with vendor_import():
        from ultralytics.trackers.track import TRACKER_MAP
        from ultralytics.utils import YAML, IterableSimpleNamespace
        from ultralytics.utils.checks import check_yaml
    load: Any = YAML.load
    find: Any = check_yaml
    options = load(find(f"{settings.kind}.yaml"))
    options |= {
        "track_high_thresh": settings.high_threshold,
        "track_low_thresh": settings.low_threshold,
        "new_track_thresh": settings.new_threshold,
        "match_thresh": settings.match_threshold,
        "track_buffer": buffer_frames,
        "with_reid": False,
        "min_track_len": confirming,
    }
    if "gmc_method" in options:
        options["gmc_method"] = settings.camera_motion
    colours = settings.shirt_colours and settings.kind == "tracktrack"
    if colours:
        options["model"] = "shirt colours"  # any name but auto, which asks for the detector's own features
    tracker: Any = TRACKER_MAP[settings.kind](IterableSimpleNamespace(**options))
    if colours:
        tracker.encoder = ShirtColours()
    return tracker
