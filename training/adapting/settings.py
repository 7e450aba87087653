"""Settings of a recognizer's adaptation, and the training they stand for."""

from dataclasses import dataclass, field
from typing import Literal

from pipeline.crops import CropSettings
from recognizer.checks import require_range
from recognizer.device import resolve_device
from recognizer.precision import cpu_has_bfloat16
from training.fitting.augment_batch import AugmentSettings
from training.fitting.settings import DataSettings, FitSettings, NetworkSettings, TrainSettings, WindowSampling
from training.mixture.recipe import MixtureSettings
from training.mixture.sources import TIGHT_SHARE


@dataclass(frozen=True, slots=True)
class LessonSettings:
    """Which pictures of a run teach."""

    min_probability: float = 0.15
    """A window of a track with a number shows it where it is the likeliest reading, or has this probability; 0 to 1."""
    min_unreadable: float = 0.6
    """A window shows no number where that has this probability; 0 to 1."""
    reach_seconds: float = 0.2
    """Pictures this near to a window's clearest one show what the window shows; 0 to 1."""
    most_pictures: int = 200
    """About as many pictures of a number are taken, of all runs together; 1 to 100000. They are held in memory, some
    0.1 MB each."""
    most_unreadable: int = 2000
    """About as many pictures without a number; 1 to 100000."""

    def __post_init__(self) -> None:
        for name in ("min_probability", "min_unreadable", "reach_seconds"):
            require_range(name, getattr(self, name), 0.0, 1.0)
        for name in ("most_pictures", "most_unreadable"):
            require_range(name, getattr(self, name), 1, 100_000)


@dataclass(frozen=True, slots=True)
class AdaptSettings:
    """How a recognizer learns from runs."""

    device: str = "auto"
    """What computes: auto (the first CUDA device, else the CPU), cpu, cuda or cuda:N."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the costly part: auto is bfloat16 (float16 on CUDA without it) where the device has
    instructions for it, else float32."""
    seed: int = 0
    """Seed of everything that is drawn."""
    steps: int = 200
    """Steps of the optimizer, 1 to 100000."""
    batch_size: int = 64
    """Single pictures in a step, 1 to 4096."""
    learning_rate: float = 4e-4
    """Highest learning rate of AdamW; above 0 to 1."""
    own: float = 0.3
    """Share of the pictures that are the runs' own; the others are drawn numbers on their players. Above 0, under 1."""
    readable: float = 0.6
    """Share of the runs' own pictures that show a number, 0 to 1."""
    workers: int = 2
    """Processes that prepare the pictures, 0 to 256; another number than 0 or 1 draws others."""
    typefaces: str = ""
    """Folder with font files to draw numbers in; empty takes those installed. Invented typefaces are drawn besides."""
    lessons: LessonSettings = field(default_factory=LessonSettings)
    """Which pictures teach."""

    def __post_init__(self) -> None:
        require_range("seed", self.seed, 0, 2**31 - 1)
        require_range("steps", self.steps, 1, 100_000)
        require_range("batch_size", self.batch_size, 1, 4096)
        require_range("workers", self.workers, 0, 256)
        require_range("readable", self.readable, 0.0, 1.0)
        if not 0.0 < self.own < 1.0:
            raise ValueError(f"own is {self.own}; allowed is above 0 and under 1")
        if not 0.0 < self.learning_rate <= 1.0:
            raise ValueError(f"learning_rate is {self.learning_rate}; allowed is above 0 to 1")

    def training(self, start_from: str, network: NetworkSettings, crops: CropSettings, output: str) -> TrainSettings:
        """The training of single pictures that this is.

        Args:
            start_from: checkpoint whose weights it starts from.
            network: its architecture.
            crops: how the runs cut regions.
            output: folder for what training writes.
        """
        return TrainSettings(
            source="mixture",
            output=output,
            start_from=start_from,
            seed=self.seed,
            device=self.device,
            precision=self._precision(),
            tensorboard=False,
            data=DataSettings(workers=self.workers),
            sampling=WindowSampling(length=1),
            model=network,
            fit=FitSettings(
                epochs=1,
                steps_per_epoch=self.steps,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                warmup=0.03,
                weight_decay=0.02,
                mixup_probability=0.0,
                deep_supervision=0.5,
                ema=0.996,
                patience=0,
            ),
            augment=AugmentSettings(enabled=False),
            mixture=MixtureSettings(
                tracks=self.own,
                drawn=1.0 - self.own,
                readable=self.readable,
                typefaces=self.typefaces,
                tight=TIGHT_SHARE,
                recoloured=0.3,
                reshaped=0.2,
                located=0.85,
                seed=self.seed,
                photos=0.0,
                soccer_crops=0.0,
                basketball_crops=0.0,
                photo_crops=0.0,
            ),
            crops=crops,
        )

    def _precision(self) -> Literal["auto", "float32", "bfloat16", "float16"]:
        on_cpu = resolve_device(self.device).type == "cpu"
        return "bfloat16" if self.precision == "auto" and on_cpu and cpu_has_bfloat16() else self.precision
