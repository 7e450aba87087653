"""Everything a person may set for a training run; `configs/train.yaml` shows every key with the default."""

from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from pipeline.crops import CropSettings
from recognizer.labels import NUMBERS
from recognizer.model import ModelConfig
from recognizer.preprocess import Preprocess
from recognizer.sampling import SamplingMode
from training.data.dataset import SamplingSettings
from training.data.layout import UNREADABLE_FOLDER
from training.fitting.augment_batch import AugmentSettings
from training.fitting.balance import WeightScheme
from training.mixture.recipe import MixtureSettings

STANDARD: Final = Preprocess()
"""The preprocessing of a network that starts from chance."""


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which windows of a data-set tree are trained and measured on."""

    root: str = ""
    """Folder of the data set; empty takes DATA_ROOT from the environment, or from a file .env in the working folder."""
    cache: str = ""
    """Folder for the packed crops; empty puts them into .crop_cache inside the data set."""
    train_numbers: tuple[str, ...] = ()
    """Numbers to train on ('-1' for unreadable players); empty trains on every number but the test numbers."""
    test_numbers: tuple[str, ...] = ()
    """Numbers training never sees, neither to learn from nor to choose a checkpoint by; for training.evaluate."""
    split_by: Literal["match", "sequence"] = "match"
    """What stays together when some is held out to measure on: a match (where a manifest tells it) or a sequence."""
    validation_share: float = 0.2
    """Share of the data held out to measure on, 0 up to 1, as near as whole matches allow; 0 measures on nothing and
    judges by training loss."""
    workers: int = 2
    """Processes that prepare batches; 0 prepares them in the training process. More than one makes the mixture draw
    other windows, also where a run is resumed with another number."""

    def __post_init__(self) -> None:
        allowed = {*NUMBERS, UNREADABLE_FOLDER}
        for name in ("train_numbers", "test_numbers"):
            wrong = [number for number in getattr(self, name) if number not in allowed]
            if wrong:
                raise ValueError(f"{name} holds {wrong[0]!r}; allowed are '0' to '99', '00' and '-1'")
        _require(self, "validation_share", 0.0 <= self.validation_share < 1.0, "0 up to 1, without 1")
        _require(self, "workers", 0 <= self.workers <= 256, "0 to 256")


@dataclass(frozen=True, slots=True)
class WindowSampling(SamplingSettings):
    """Which pictures of a sub-folder make a training window: other ones in every epoch."""

    mode: SamplingMode = "random"
    """uniform (spread from first to last), random (drawn anew in every epoch) or center (around the middle)."""


@dataclass(frozen=True, slots=True)
class PreprocessSettings:
    """From a jersey region to the network's input. A key that is null is as `start_from` was trained."""

    size: int | None = None
    """Side of the result in pixels, 8 to 1024; null takes that of start_from, or 64 from chance."""
    sharpness: float | None = None
    """Sharpening factor: 1 leaves the picture as it is, 2 is the seed's, 0 blurs; 0 to 10. Null takes that of
    start_from, or 2 from chance."""
    upscale_below: int | None = None
    """Regions whose longer side is under this many pixels are resized with Lanczos, others bilinear with
    antialiasing; at least 0. Null takes that of start_from, or 64 from chance."""

    def __post_init__(self) -> None:
        self.complete()  # refuses what Preprocess refuses

    @classmethod
    def of(cls, preprocess: Preprocess) -> "PreprocessSettings":
        """Settings that leave nothing open."""
        return cls(preprocess.size, preprocess.sharpness, preprocess.upscale_below)

    def open_keys(self) -> list[str]:
        """Names of the keys that are not set.

        >>> PreprocessSettings(size=96).open_keys()
        ['sharpness', 'upscale_below']
        """
        return [name for name, value in asdict(self).items() if value is None]

    def complete(self, base: Preprocess = STANDARD) -> Preprocess:
        """The preprocessing, with what is not set taken from another one.

        >>> PreprocessSettings(size=96).complete()
        Preprocess(size=96, sharpness=2.0, upscale_below=64)
        """
        return Preprocess(
            **{name: getattr(base, name) if value is None else value for name, value in asdict(self).items()}
        )


@dataclass(frozen=True)
class NetworkSettings(ModelConfig):
    """The network to train, which starts from chance unless told otherwise, so that nothing of it is frozen."""

    frozen_fraction: float = 0.0
    """Share of the backbone's tensors, from the input on, that is not trained (see fit.unfreezing for later epochs);
    0 to 1. Only sensible with start_from."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How the weights are fitted."""

    epochs: int = 30
    """Epochs at the most."""
    steps_per_epoch: int = 0
    """Batches in an epoch; 0 takes every training window once, but for a rest, another one in every epoch, that fills
    no batch. The mixture has no end and needs a number."""
    batch_size: int = 32
    """Windows in a batch (in each process, where several train)."""
    learning_rate: float = 1e-3
    """Highest learning rate of AdamW."""
    warmup: float = 0.05
    """Share of all steps in which the rate rises; then it falls along a cosine."""
    final_rate: float = 0.02
    """Share of the highest rate that is left at the end."""
    weight_decay: float = 0.01
    """Weight decay of AdamW."""
    clip: float = 1.0
    """Largest norm of the gradient; 0 leaves it alone."""
    label_smoothing: float = 0.1
    """Share of every target that is spread over all classes."""
    mixup_alpha: float = 1.0
    """Both parameters of the beta distribution MixUp draws its share from."""
    mixup_probability: float = 0.5
    """How often a batch is mixed; 0 never."""
    deep_supervision: float = 0.0
    """Weight of the loss of a head on the frames' features, beside the network while it trains; 0 trains without."""
    ema: float = 0.998
    """Decay of the weights' moving average, which is what is measured and saved; 0 saves the weights as they are."""
    unfreezing: tuple[tuple[int, float], ...] = ()
    """Pairs [epoch, share]: from that epoch (the first is 0) that share of the backbone's tensors is frozen. Before
    the first pair model.frozen_fraction holds."""
    frozen: tuple[str, ...] = ()
    """Beginnings of the names of tensors that are not trained, as lstm. or backbone.layer4.0.conv; a batch norm frozen
    so keeps its statistics too. Only sensible with start_from."""
    save_every: int = 1
    """Epochs between two writings of the last checkpoint and the state; a best epoch and the end always write."""
    monitor: Literal["number", "readable", "both_digits", "loss"] = "number"
    """Which figure of the validation windows chooses the best checkpoint and stops training: number (likeliest number
    or none), readable (likeliest number of the readable windows), both_digits, or loss. Without validation windows it
    is the loss of the training windows."""
    patience: int = 10
    """Epochs without progress after which training stops; 0 never stops early."""
    min_delta: float = 0.0
    """By how much the best figure must be exceeded to count as progress."""

    def __post_init__(self) -> None:
        for name, least in (
            ("epochs", 1),
            ("steps_per_epoch", 0),
            ("batch_size", 1),
            ("patience", 0),
            ("save_every", 1),
        ):
            _require(self, name, getattr(self, name) >= least, f"a whole number from {least}")
        _require(self, "learning_rate", 0.0 < self.learning_rate <= 1.0, "above 0 to 1")
        _require(self, "mixup_alpha", self.mixup_alpha > 0.0, "above 0")
        for name in ("warmup", "final_rate", "label_smoothing", "ema"):
            _require(self, name, 0.0 <= getattr(self, name) < 1.0, "0 up to 1, without 1")
        for name in ("weight_decay", "clip", "deep_supervision", "min_delta"):
            _require(self, name, getattr(self, name) >= 0.0, "0 or more")
        _require(self, "mixup_probability", 0.0 <= self.mixup_probability <= 1.0, "0 to 1")
        for epoch, share in self.unfreezing:
            if epoch < 0 or not 0.0 <= share <= 1.0:
                raise ValueError(f"unfreezing holds [{epoch}, {share}]; allowed are epochs from 0 and shares of 0 to 1")


@dataclass(frozen=True, slots=True)
class ClassWeightSettings:
    """How classes that are rare in training are made to count more in the loss."""

    scheme: WeightScheme = "none"
    """none, balanced (by inverse frequency) or effective_number (Cui et al. 2019)."""
    beta: float = 0.9999
    """Beta of the effective number, (1 - beta^n) / (1 - beta); 0 up to 1."""
    empty_tens_factor: float = 1.0
    """Factor on the weight of 'no tens digit', under any scheme; under 1 where single digits outnumber the rest."""
    square_root: bool = False
    """Whether the square root of the weights is taken, which softens them."""

    def __post_init__(self) -> None:
        _require(self, "beta", 0.0 <= self.beta < 1.0, "0 up to 1, without 1")
        _require(self, "empty_tens_factor", 0.0 < self.empty_tens_factor <= 10.0, "above 0 to 10")

    @property
    def equal(self) -> bool:
        """Whether every class counts alike."""
        return self.scheme == "none" and self.empty_tens_factor == 1.0


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One training run."""

    source: Literal["tree", "mixture"] = "tree"
    """tree (the data set at data.root) or mixture (the sources the shipped weights were made with)."""
    output: str = "runs/train"
    """Folder for best and last checkpoint, what --resume needs, and TensorBoard's files."""
    start_from: str = ""
    """Checkpoint (.safetensors) whose weights training starts from; empty starts from chance. The run also takes over
    the preprocessing that is not set and, where sampling.length is the same, the temperature. Where
    there are validation windows it is measured first, as epoch 0, and is the best until an epoch is better. --resume
    does not read it again."""
    seed: int = 0
    """Seed of weights, order, windows, augmentation and dropout."""
    device: str = "auto"
    """What computes: auto (the first CUDA device, else the CPU), cpu, cuda or cuda:N."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the costly part: auto is bfloat16 on CUDA (float16 where it lacks it) and float32 on the CPU."""
    tensorboard: bool = True
    """Whether curves and pictures are written for TensorBoard."""
    data: DataSettings = field(default_factory=DataSettings)
    """The data-set tree."""
    sampling: WindowSampling = field(default_factory=WindowSampling)
    """Which pictures make a training window; random ones are measured on as uniform."""
    preprocess: PreprocessSettings = field(default_factory=PreprocessSettings)
    """From a jersey region to the network's input; what is null is as in start_from."""
    model: NetworkSettings = field(default_factory=NetworkSettings)
    """The network."""
    fit: FitSettings = field(default_factory=FitSettings)
    """Fitting the weights."""
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    """Changing training windows."""
    class_weights: ClassWeightSettings = field(default_factory=ClassWeightSettings)
    """Weights of the classes in the loss."""
    mixture: MixtureSettings = field(default_factory=MixtureSettings)
    """The mixture of data sets, for source: mixture."""
    crops: CropSettings = field(default_factory=CropSettings)
    """Crop geometry of the mixture's tracked players; the pipeline must use the same. A data set's own is in its
    crops.json."""

    def __post_init__(self) -> None:
        _require(self, "seed", 0 <= self.seed < 2**31, "0 to 2147483647")
        if not self.output:
            raise ValueError("output is empty; allowed is the path of a folder")
        if self.source == "mixture" and self.fit.steps_per_epoch < 1:
            raise ValueError("fit.steps_per_epoch is 0; the mixture has no end and needs a whole number from 1")
        if self.source == "mixture" and not self.class_weights.equal:
            scheme, factor = self.class_weights.scheme, self.class_weights.empty_tens_factor
            raise ValueError(
                f"class_weights.scheme is {scheme}, empty_tens_factor {factor:g}; the mixture evens out its classes "
                "itself and allows none and 1"
            )


def _require(settings: object, name: str, holds: bool, allowed: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {getattr(settings, name)!r}; allowed is {allowed}")
