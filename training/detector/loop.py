"""Fine-tunes the class branch of the player detector's head on labelled frames."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.detection.detector import build_network
from pipeline.detection.yolo import STRIDE, grid
from pipeline.types import BoolArray, FloatArray, UInt8Image
from pipeline.vendor import vendor_import
from recognizer.checks import require_range
from training.detector.augment import augment
from training.detector.data import DetectorDataError, LabelledFrame
from training.detector.weights import shift_logits

log = logging.getLogger(__name__)


_RANGES: Final = {
    "clip_frames": (1, 10_000),
    "labelled_clip_frames": (1, 10_000),
    "certain": (0.0, 1.0),
    "possible": (0.0, 1.0),
    "teacher_size": (256, 4096),
    "epochs": (1, 1000),
    "hand_repeats": (0, 1000),
    "rendered_clip_frames": (1, 10_000),
    "rendered_repeats": (0, 1000),
    "batch_size": (1, 1024),
    "learning_rate": (1e-8, 1.0),
    "weight_decay": (0.0, 1.0),
    "average_from": (0.0, 0.99),
    "start_share": (0.0, 1.0),
    "class_shift": (-20.0, 20.0),
    "seed": (0, 2**31 - 1),
    "threads": (0, 1024),
}
"""Least and largest value of each number of `DetectorTraining`."""


@dataclass(frozen=True, slots=True)
class DetectorTraining:
    """How the detector is labelled for and trained."""

    clip_frames: int = 6
    """Frames taken from an unlabelled clip."""
    labelled_clip_frames: int = 16
    """Frames taken from a labelled clip."""
    certain: float = 0.5
    """Mean confidence of the teacher's views from which a box is taught as a person."""
    possible: float = 0.25
    """Mean confidence from which a box is left out of the loss."""
    teacher_size: int = 1920
    """Longest side of the teacher's input, pixels."""
    same_match: tuple[str, ...] = ()
    """`CLIP=MATCH` for clips filmed at one match, each of which must be there; a clip not named is a match of its
    own."""
    view: tuple[int, int] = (960, 544)
    """Width and height of a training view, multiples of 32."""
    scales: tuple[float, float] = (0.7, 1.6)
    """Sizes of the frame in the view; 1 fits it in."""
    epochs: int = 4
    """Times each frame is seen (hand-made ones `hand_repeats` times as often)."""
    hand_repeats: int = 3
    """Views of a hand-labelled frame in an epoch."""
    rendered_clip_frames: int = 12
    """Frames taken from a rendered clip."""
    rendered_repeats: int = 0
    """Views of a rendered frame in an epoch."""
    batch_size: int = 8
    """Views in a step."""
    learning_rate: float = 5e-4
    """AdamW's highest learning rate; it rises over 5 % of the steps and falls along a cosine."""
    weight_decay: float = 5e-4
    """AdamW's weight decay."""
    average_from: float = 0.4
    """The weights kept are the mean over the steps after this share of the training."""
    start_share: float = 0.6
    """Share of the starting weights in what is kept; the rest is the mean above."""
    class_shift: float = 0.04
    """Added to the class logits of what is kept, so that boxes are surer. In bfloat16 its effect is rounded
    to steps of about 1/32, the distance of two numbers near the biases."""
    seed: int = 1
    """Of everything random."""
    threads: int = 2
    """CPU threads; 0 leaves the number alone."""

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            require_range(name, getattr(self, name), low, high)
        for side in self.view:
            require_range("view", side, STRIDE, 4096)
            if side % STRIDE:
                raise ValueError(f"view holds {side}; allowed are multiples of {STRIDE}")
        for scale in self.scales:
            require_range("scales", scale, 0.1, 10.0)
        if self.scales[0] > self.scales[1]:
            raise ValueError(f"scales is {list(self.scales)}; the smaller one stands first")
        for pair in self.same_match:
            clip, _, match = pair.partition("=")
            if not clip or not match:
                raise ValueError(f"same_match holds {pair!r}; allowed are texts of the form CLIP=MATCH")
        if len({pair.partition("=")[0] for pair in self.same_match}) < len(self.same_match):
            raise ValueError("same_match names a clip twice; a clip is of one match")

    def repeats(self, frame: LabelledFrame) -> int:
        """Views of a frame in an epoch."""
        return {"hand": self.hand_repeats, "rendered": self.rendered_repeats}.get(frame.source, 1)


class _DoubtfulLeftOut(nn.Module):
    """Binary cross entropy that is 0 where `keep` is."""

    def __init__(self) -> None:
        super().__init__()
        self.keep: Tensor | None = None

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss of each cell, (B, A, classes)."""
        loss = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return loss if self.keep is None else loss * self.keep


def batches(
    frames: Sequence[LabelledFrame], settings: DetectorTraining, rng: np.random.Generator
) -> Iterator[tuple[UInt8Image, list[FloatArray], list[FloatArray]]]:
    """Views (B, height, width, 3) with their people and doubtful boxes, for one epoch, in random order."""
    order = [f for f in frames for _ in range(settings.repeats(f))]
    rng.shuffle(order)
    for start in range(0, len(order) - settings.batch_size + 1, settings.batch_size):
        views = [
            augment(f.read(), *f.lesson(settings.certain, settings.possible), settings.view, settings.scales, rng)
            for f in order[start : start + settings.batch_size]
        ]
        yield np.stack([v[0] for v in views]), [v[1] for v in views], [v[2] for v in views]


def targets(people: Sequence[FloatArray], view: tuple[int, int]) -> dict[str, Tensor]:
    """Boxes as ultralytics' loss takes them: image of each, class 0, centre and size as shares of the view."""
    boxes = np.concatenate(people)
    centred = np.hstack(((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2])) / np.array(view * 2)
    image = np.repeat(np.arange(len(people)), [len(part) for part in people])
    return {
        "batch_idx": torch.from_numpy(image).float(),
        "cls": torch.zeros(len(boxes), 1),
        "bboxes": torch.from_numpy(centred.astype(np.float32)),
    }


def keep_mask(people: Sequence[FloatArray], doubtful: Sequence[FloatArray], view: tuple[int, int]) -> Tensor:
    """(B, A, 1): 0 for the cells whose centre lies in a doubtful box and in no person's."""
    centres = grid(view[1], view[0], torch.device("cpu"))[0].numpy()

    def inside(boxes: FloatArray) -> BoolArray:
        after = np.all(centres[:, None] > boxes[None, :, :2], axis=2)
        before = np.all(centres[:, None] < boxes[None, :, 2:], axis=2)
        return np.asarray(np.any(after & before, axis=1), np.bool_)

    keep = np.stack([~inside(vague) | inside(sure) for sure, vague in zip(people, doubtful, strict=True)])
    return torch.from_numpy(keep[..., None].astype(np.float32))


def prepare(state: dict[str, Tensor]) -> tuple[nn.Module, Any]:
    """Network of which only the class branch learns, and ultralytics' loss with cells that can be left out."""
    with vendor_import():
        from ultralytics.utils.loss import v8DetectionLoss
    network = build_network(1)
    network.load_state_dict({name: value.float() for name, value in state.items()})
    network.args = SimpleNamespace(box=7.5, cls=0.5, dfl=1.5)  # type: ignore[assignment]  # gains, where the loss looks
    network.requires_grad_(False)
    head: Any = network.model[-1]  # type: ignore[index]  # an nn.Sequential, seen as a Module
    head.cv3.requires_grad_(True)
    make: Any = v8DetectionLoss
    criterion = make(network)
    criterion.bce = _DoubtfulLeftOut()
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return network.to(memory_format=torch.channels_last), criterion


def learn(
    network: nn.Module,
    criterion: Any,  # noqa: ANN401  # ultralytics' loss has no type
    batch: tuple[UInt8Image, list[FloatArray], list[FloatArray]],
    view: tuple[int, int],
) -> Tensor:
    """Gradients of one batch of views; returns its box, class and distance loss, (3,)."""
    bgr, people, doubtful = batch
    images = torch.from_numpy(bgr).permute(0, 3, 1, 2).flip(1).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        raw = network(images.float() / 255)
    criterion.bce.keep = keep_mask(people, doubtful, view)
    raw = {"boxes": raw["boxes"].float(), "scores": raw["scores"].float(), "feats": raw["feats"]}
    loss, parts = criterion(raw, targets(people, view))
    (loss.sum() / len(bgr)).backward()
    return torch.stack([torch.as_tensor(part) for part in parts.values()]).detach()


def steps_of(frames: Sequence[LabelledFrame], settings: DetectorTraining) -> int:
    """Steps of the whole training.

    Raises:
        DetectorDataError: the frames do not fill one batch.
    """
    views = sum(settings.repeats(f) for f in frames)
    if views < settings.batch_size:
        raise DetectorDataError(
            f"{len(frames)} frames to train on give {views} views in an epoch, fewer than batch_size "
            f"({settings.batch_size}); list more frames with the command label, or lower batch_size."
        )
    return views // settings.batch_size * settings.epochs


def fine_tune(
    state: dict[str, Tensor], frames: Sequence[LabelledFrame], settings: DetectorTraining
) -> dict[str, Tensor]:
    """Fine-tune the class branch of one-class weights: who is a player, not where they stand.

    Returns:
        The mean weights of the last part of the training, mixed with the starting weights, class logits shifted;
        float32.

    Raises:
        DetectorDataError: the frames do not fill one batch.
    """
    steps = steps_of(frames, settings)
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    network, criterion = prepare(state)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    start = [parameter.detach().clone() for parameter in trained]
    mean = torch.optim.swa_utils.AveragedModel(network)
    optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    warm_up = max(1, round(0.05 * steps))
    epochs = (batches(frames, settings, rng) for _ in range(settings.epochs))
    for step, batch in enumerate(chain.from_iterable(epochs), start=1):
        share = min(1.0, step / warm_up) * 0.5 * (1 + math.cos(math.pi * (step - 1) / steps))
        optimizer.param_groups[0]["lr"] = settings.learning_rate * share
        optimizer.zero_grad()
        loss = learn(network, criterion, batch, settings.view)
        nn.utils.clip_grad_norm_(trained, 10.0)
        optimizer.step()
        if step > settings.average_from * steps:
            mean.update_parameters(network)
        if step % 10 == 0:
            log.info("step %d of %d: box, class, distance loss %s", step, steps, loss.numpy().round(3))
    kept = [parameter for parameter in mean.module.parameters() if parameter.requires_grad]
    with torch.no_grad():
        for parameter, first in zip(kept, start, strict=True):
            parameter.lerp_(first, settings.start_share)
    mixed = {name: value.detach().clone() for name, value in mean.module.state_dict().items()}
    return shift_logits(mixed, settings.class_shift)
