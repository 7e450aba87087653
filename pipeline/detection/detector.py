"""Finds the people in frames with a YOLO network; nothing of ultralytics leaves this module."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import nms

from pipeline.detection.forward import DetectorPrecision, choose_forward
from pipeline.detection.yolo import STRIDE, Fit, decode_boxes, fit, grid, input_size, letterbox, letterbox_on_device
from pipeline.types import Detections, FloatArray, Frame
from pipeline.vendor import vendor_import
from recognizer.checks import require_choice, require_range
from recognizer.errors import InputError, first_line_of
from recognizer.precision import Backend
from recognizer.weights_file import WeightsError, read_weights, require_same_tensors

TASKS = ("detect", "segment", "pose")
"""What ultralytics calls the kinds of models that give upright boxes."""
ARCHITECTURE = "yolo11n.yaml"
PEOPLE = frozenset({"person", "player", "goalkeeper", "goalie", "referee"})
"""Class names kept when the settings name none."""


class DetectorError(InputError):
    """A detector that cannot be made from the given settings: weights, classes."""


def default_weights() -> Path:
    """The player detector that ships with the product."""
    return Path(__file__).parent.parent / "weights" / "players.safetensors"


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What to find, and how hard to look."""

    weights: str | None = None
    """Model file: the one that ships (empty), a `.safetensors` of `training.train_detector`, or any model file or
    name that ultralytics knows (a name it does not find is downloaded)."""
    image_size: int = 1280
    """Longer side of the network's input in pixels, 160 to 4096, a multiple of 32. More finds smaller players and
    costs time with its square."""
    max_upscale: float = 1.5
    """How much a frame smaller than `image_size` may be enlarged, 1 to 8; more invents people in blurred pictures."""
    confidence: float = 0.1
    """Least confidence of a detection, 0 to 1; the tracker tells weak from strong itself."""
    iou: float = 0.6
    """Overlap (intersection over union, 0 to 1) from which the weaker of two boxes is dropped."""
    classes: tuple[str, ...] = ()
    """Names of the model's classes to keep; empty keeps those that mean people (person, player, goalkeeper,
    goalie, referee)."""
    batch_size: int = 4
    """Frames handed to the detector at a time, 1 to 256; the result does not depend on it, but for rounding on CUDA.
    On a CPU this product's own network takes them one by one, at most so many at a time, each on a core of its own."""
    every: int = 1
    """People are looked for in one frame of so many, 1 to 10; in the frames between their boxes move in a straight
    line."""
    max_detections: int = 100
    """Most people in one frame, 1 to 1000; the surest are kept."""
    precision: DetectorPrecision = "auto"
    """`float32`, or `auto`: bfloat16 on a CPU that has instructions for it (half the time, boxes within 0.5
    pixels), float16 on CUDA, else float32. Used with `.safetensors` weights."""
    backend: Backend = "auto"
    """`torch`; `onnx`, ONNX Runtime (extra `cpu`) in float32 on a CPU, the same boxes for less time; or `auto`, `onnx`
    where it is installed and the CPU computes in float32. Used with `.safetensors` weights."""

    def __post_init__(self) -> None:
        require_range("image_size", self.image_size, 160, 4096)
        if self.image_size % STRIDE:
            raise ValueError(f"image_size is {self.image_size}, expected a multiple of {STRIDE}")
        require_range("max_upscale", self.max_upscale, 1.0, 8.0)
        require_range("confidence", self.confidence, 0.0, 1.0)
        require_range("iou", self.iou, 0.0, 1.0)
        require_range("batch_size", self.batch_size, 1, 256)
        require_range("every", self.every, 1, 10)
        require_range("max_detections", self.max_detections, 1, 1000)
        require_choice("precision", self.precision, get_args(DetectorPrecision))
        require_choice("backend", self.backend, get_args(Backend))
        if isinstance(self.classes, str):
            raise ValueError(f"classes is {self.classes!r}, expected a list of names")


class PlayerDetector:
    """Finds people in frames.

    Args:
        settings: what to find.
        device: where the network runs.

    Raises:
        DetectorError: the weights are missing or unusable, or a class is not one of the model's.
    """

    def __init__(self, settings: DetectorSettings, device: torch.device) -> None:
        self.settings = settings
        named = settings.weights or str(default_weights())
        self.wants_uploads = device.type == "cuda" and named.endswith(".safetensors")
        """Whether frames are better uploaded beforehand (`pipeline.uploads`); a model of ultralytics takes none."""
        self.side_by_side = device.type == "cpu" and named.endswith(".safetensors")
        """Whether several threads may have it `detect` at the same time; a model of ultralytics stands that not."""
        self.batch_size = 1 if self.side_by_side else settings.batch_size
        """Frames to give it at once."""
        self._model: _PlainNetwork | _VendorModel
        if named.endswith(".safetensors"):
            self._model = _PlainNetwork(Path(named), settings, device)
        else:
            self._model = _VendorModel(named, settings, device)

    @property
    def backend(self) -> str:
        """What computes, and in which number format: `onnx float32`; `ultralytics` for a model that it runs."""
        return self._model.backend

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """People in each frame, in the frames' order, surest first.

        Args:
            frames: of any sizes, any number.

        Returns:
            One record per frame; the same whatever frames stand beside it.
        """
        found: list[Detections] = []
        for _, group in groupby(frames, key=lambda frame: frame.size):
            same_size = list(group)
            for start in range(0, len(same_size), self.settings.batch_size):
                found += self._model.find(same_size[start : start + self.settings.batch_size])
        return found


def build_network(class_count: int) -> nn.Module:
    """YOLO11n from ultralytics' own yaml, its class layer narrowed to `class_count` outputs.

    The yaml makes the class branch's inner width depend on the number of classes; here it stays that of the
    80-class network, so that COCO's person detector fits in unchanged.
    """
    with vendor_import():
        from ultralytics.nn.tasks import DetectionModel

    make: Any = DetectionModel
    model: nn.Module = make(ARCHITECTURE, nc=80, verbose=False)
    head: Any = model.model[-1]  # type: ignore[index]  # an nn.Sequential, seen as a Module
    for branch in head.cv3:
        branch[-1] = nn.Conv2d(branch[-1].in_channels, class_count, 1)
    head.nc = class_count
    head.no = class_count + 4 * head.reg_max
    return model


def load_network(path: Path) -> tuple[nn.Module, list[str]]:
    """A network and its class names from a `.safetensors` file and the `.json` beside it; float32, eval mode.

    Raises:
        WeightsError: a file is missing, damaged, or holds another network.
    """
    tensors, description = read_weights(path)
    classes = description.get("classes")
    if not isinstance(classes, list) or not classes:
        raise WeightsError(f"{path.with_suffix('.json')} does not describe a detector: it lists no classes.")
    network = build_network(len(classes))
    require_same_tensors(path, network.state_dict(), tensors)
    network.load_state_dict(tensors)
    return network.eval(), [str(name) for name in classes]


def _class_indices(wanted: tuple[str, ...], names: Sequence[str], weights: str) -> list[int]:
    """Positions of the wanted classes among the model's."""
    has = ", ".join(names)
    for name in wanted:
        if name not in names:
            raise DetectorError(f"The detector {weights} has no class {name!r}; detector.classes may name: {has}.")
    kept = [index for index, name in enumerate(names) if (name in wanted if wanted else name.lower() in PEOPLE)]
    if not kept:
        raise DetectorError(f"The detector {weights} has no class for people; name some in detector.classes: {has}.")
    return kept


class _PlainNetwork:
    """A network of this product, run without ultralytics' predictor (about twice as fast on a CPU)."""

    def __init__(self, path: Path, settings: DetectorSettings, device: torch.device) -> None:
        network, names = load_network(path)
        self._classes = torch.tensor(_class_indices(settings.classes, names, path.name), device=device)
        self._settings = settings
        self._device = device
        fused: nn.Module = network.fuse(verbose=False)  # type: ignore[operator]  # ultralytics' own: conv + batch norm
        self._forward = choose_forward(path, fused, settings.backend, settings.precision, device)
        self.backend = self._forward.backend

    def find(self, frames: Sequence[Frame]) -> list[Detections]:
        """People in each of some frames of one size."""
        size = frames[0].size
        place = fit(size, input_size(size, self._settings.image_size, self._settings.max_upscale))
        if self._device.type == "cuda" or all(frame.on_device is not None for frame in frames):
            return self._find([letterbox_on_device(self._uploaded(frame), place) for frame in frames], place)
        # A batch is no faster than its frames one by one, and one by one is the same to the last bit.
        return [self._find([torch.from_numpy(letterbox(frame.bgr, place))], place)[0] for frame in frames]

    def _uploaded(self, frame: Frame) -> Tensor:
        if frame.on_device is not None:
            return frame.on_device
        return torch.from_numpy(frame.bgr).pin_memory().to(self._device, non_blocking=True)

    @torch.inference_mode()
    def _find(self, inputs: Sequence[Tensor], place: Fit) -> list[Detections]:
        distances, scores = self._forward(torch.stack(tuple(inputs)))
        return [self._select(*parts, place) for parts in zip(distances, scores, strict=True)]

    def _select(self, distances: Tensor, scores: Tensor, place: Fit) -> Detections:
        """The boxes of one frame that are sure enough and no repeats, surest first."""
        score = scores[self._classes].amax(0)
        kept = (score >= self._settings.confidence).nonzero()[:, 0]
        centres, strides = (part[kept] for part in grid(*reversed(place.outer), self._device))
        xyxy, score = decode_boxes(distances[:, kept], centres, strides), score[kept]
        first = nms(xyxy, score, self._settings.iou)[: self._settings.max_detections]
        found = torch.cat((xyxy, score[:, None]), dim=1)[first].cpu().numpy()
        return _checked(place.to_frame(found[:, :4]), found[:, 4])


class _VendorModel:
    """Any other model, run by ultralytics."""

    backend = "ultralytics"

    def __init__(self, named: str, settings: DetectorSettings, device: torch.device) -> None:
        with vendor_import():
            from ultralytics import YOLO  # type: ignore[attr-defined]  # its modules are loaded on demand
            from ultralytics.utils import SAFE_LOAD
        if not SAFE_LOAD:
            raise DetectorError("ultralytics was imported without ULTRALYTICS_SAFE_LOAD=1; set it and start again.")
        try:
            self._model: Any = YOLO(named)
            names = [str(name) for _, name in sorted(self._model.names.items())]
        except (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
            reason = first_line_of(error)
            raise DetectorError(
                f"The detector's model {named} cannot be loaded ({reason}); "
                "detector.weights may be empty or name a model file of ultralytics."
            ) from error
        if self._model.task not in TASKS:
            raise DetectorError(
                f"The detector's model {named} is made for another task ({self._model.task}); "
                f"detector.weights may name a model for {', '.join(TASKS[:-1])} or {TASKS[-1]}."
            )
        self._settings = settings
        self._options: dict[str, Any] = {
            "conf": settings.confidence,
            "iou": settings.iou,
            "max_det": settings.max_detections,
            "classes": _class_indices(settings.classes, names, named),
            "agnostic_nms": True,
            "device": str(device),
            "verbose": False,
        }

    def find(self, frames: Sequence[Frame]) -> list[Detections]:
        """People in each of some frames of one size."""
        size = input_size(frames[0].size, self._settings.image_size, self._settings.max_upscale)
        images = [frame.bgr for frame in frames]
        threads = torch.get_num_threads()
        results = self._model.predict(images, imgsz=size, batch=len(images), **self._options)
        torch.set_num_threads(threads)  # on a CPU ultralytics sets them to what it thinks best
        return [_checked(result.boxes.xyxy.cpu().numpy(), result.boxes.conf.cpu().numpy()) for result in results]


def _checked(xyxy: FloatArray, confidence: FloatArray) -> Detections:
    """Detections without boxes that clipping left empty."""
    solid = (xyxy[:, 2] > xyxy[:, 0]) & (xyxy[:, 3] > xyxy[:, 1])
    return Detections(xyxy[solid].astype(np.float32), confidence[solid].astype(np.float32))
