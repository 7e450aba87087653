"""Everything a person may set for a run: one section per stage, each defined beside the stage it sets."""

from dataclasses import dataclass, field

from pipeline.adaptation import AdaptationSettings
from pipeline.crops import CropSettings
from pipeline.detection.detector import DetectorSettings
from pipeline.effort import EffortSettings
from pipeline.identity import IdentitySettings
from pipeline.kits.fitting import TeamSettings
from pipeline.kits.swaps import SwapSettings
from pipeline.reading import ReaderSettings
from pipeline.tracking.tracker import TrackerSettings
from pipeline.windows import WindowSettings
from pipeline.workers import EngineSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """The sections of `configs/pipeline.yaml`; that file shows every key with the default that stands here."""

    detector: DetectorSettings = field(default_factory=DetectorSettings)
    """Finding people in frames."""
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    """Following them from frame to frame."""
    swaps: SwapSettings = field(default_factory=SwapSettings)
    """Splitting tracks that pass from a player in one kit to one in another."""
    crops: CropSettings = field(default_factory=CropSettings)
    """Cutting out the jersey region."""
    windows: WindowSettings = field(default_factory=WindowSettings)
    """Which crops are read together."""
    reader: ReaderSettings = field(default_factory=ReaderSettings)
    """The recognizer."""
    effort: EffortSettings = field(default_factory=EffortSettings)
    """Reading until sure."""
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    """From the reads of a track to one number, or none."""
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)
    """Learning the numerals of the match from tracks whose number is known, and reading again."""
    teams: TeamSettings = field(default_factory=TeamSettings)
    """Grouping tracks by kit colour."""
    engine: EngineSettings = field(default_factory=EngineSettings)
    """How the machine is used; results stay the same, but for damaged files, the card's decoder and coding noise."""
