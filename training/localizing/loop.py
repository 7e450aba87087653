"""Trains the number localizer on examples."""

import logging
import math
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import nn
from torch.nn import functional as F

from pipeline.crops import CropSettings
from recognizer.checks import require_range
from recognizer.localizer import Heat, NumberLocalizer, cell_centres, places
from training.localizing.examples import Examples
from training.localizing.views import Views, draw_views
from training.mixture.recipe import MixtureSettings

logger = logging.getLogger(__name__)

_BLOB: Final = 0.045
"""Standard deviation of the place that counts as right, as a share of the view's side."""
_SIDE_WEIGHT: Final = 0.5
_CLIP: Final = 5.0
_TOLD_EVERY: Final = 200
_LEAST_SIDE: Final = 0.05


@dataclass(frozen=True, slots=True)
class LocalizerTraining:
    """How the localizer is trained."""

    reader: str | None = None
    """Checkpoint that tells where the numbers of labelled players are, trained on them; empty means the one that
    ships."""
    with_number: int = 22
    """Pictures of a labelled player with a number that are taken at the most, 1 to 10000."""
    without_number: int = 10
    """The same of those without, 1 to 10000."""
    drawn_examples: int = 18000
    """Drawn numbers and number crops laid onto players, 64 to 1000000."""
    steps: int = 2400
    """Updates, 1 to 1000000."""
    real: int = 26
    """Real players with a number in a batch, 1 to 4096."""
    bare: int = 18
    """Real players without one in a batch, 1 to 4096."""
    drawn: int = 36
    """Drawn ones in a batch, 1 to 4096."""
    learning_rate: float = 2e-3
    """Highest learning rate, 1e-8 to 1."""
    weight_decay: float = 0.02
    """Of AdamW, 0 to 1."""
    ema: float = 0.996
    """Decay of the weights' moving average, which is what is saved, 0 to 0.9999."""
    seed: int = 0
    """Of the first weights, the examples and their views, 0 to 2147483647."""
    crops: CropSettings = field(default_factory=CropSettings)
    """How regions are cut."""
    mixture: MixtureSettings = field(
        default_factory=lambda: MixtureSettings(
            tracks=0.0,
            photos=0.12,
            soccer_crops=0.18,
            basketball_crops=0.08,
            photo_crops=0.25,
            drawn=0.37,
            tight=0.0,
        )
    )
    """Where the data lies, which matches are held out, and the shares of the drawn examples."""

    def __post_init__(self) -> None:
        for name in ("with_number", "without_number"):
            require_range(name, getattr(self, name), 1, 10_000)
        for name in ("real", "bare", "drawn"):
            require_range(name, getattr(self, name), 1, 4096)
        require_range("drawn_examples", self.drawn_examples, 64, 1_000_000)
        require_range("steps", self.steps, 1, 1_000_000)
        require_range("learning_rate", self.learning_rate, 1e-8, 1.0)
        require_range("weight_decay", self.weight_decay, 0.0, 1.0)
        require_range("ema", self.ema, 0.0, 0.9999)
        require_range("seed", self.seed, 0, 2**31 - 1)


def train_localizer(real: Examples, drawn: Examples, settings: LocalizerTraining) -> NumberLocalizer:
    """Train a localizer from chance.

    Args:
        real: Players with and without a number, both kinds.
        drawn: Drawn ones.
        settings: The training.

    Returns:
        The moving average of its weights, in serving mode.
    """
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    network = NumberLocalizer()
    average = NumberLocalizer()
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=max(2, settings.steps), pct_start=0.1
    )
    pools = [
        (_tensors(real.of(present=True)), settings.real),
        (_tensors(real.of(present=False)), settings.bare),
        (_tensors(drawn), settings.drawn),
    ]
    told: list[tuple[float, ...]] = []
    for step in range(1, settings.steps + 1):
        picks = [torch.randint(len(pool[0]), (count,), generator=generator) for pool, count in pools]
        pictures, where = (
            torch.cat([pool[part][pick] for (pool, _), pick in zip(pools, picks, strict=True)]) for part in (0, 1)
        )
        views = draw_views(pictures, where, generator)
        heat = network(views.rgb)
        loss = localizer_loss(heat, views)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimizer.step()
        schedule.step()
        _follow(average, network, min(settings.ema, 1.0 - 1.0 / step))
        told.append((loss.item(), *_errors(heat, views, settings.real, settings.bare)))
        if step % _TOLD_EVERY == 0 or step == settings.steps:
            loss_mean, off, missed, false = (sum(column) / len(told) for column in zip(*told, strict=True))
            logger.info(
                "step %d: loss %.3f; real players: centre off by %.3f, %.3f missed, %.3f found where there is none",
                *(step, loss_mean, off, missed, false),
            )
            told = []
    return average.eval()


@torch.no_grad()
def _follow(average: NumberLocalizer, network: NumberLocalizer, decay: float) -> None:
    """Move a moving average, batch statistics and all, towards a network."""
    for mean, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(new, 1.0 - decay)
        else:
            mean.copy_(new)


def localizer_loss(heat: Heat, views: Views) -> torch.Tensor:
    """Cross-entropy of the place, or of there being none, and the distance of the side's logarithm; a scalar."""
    present = ~views.places[:, 0].isnan()
    x, y = cell_centres(math.isqrt(heat.cells.shape[1]), heat.cells.device)
    centre = views.places.nan_to_num(0.5)
    distance = (x - centre[:, :1]) ** 2 + (y - centre[:, 1:2]) ** 2
    target = torch.softmax(-distance / (2.0 * _BLOB**2), dim=1)
    loss = torch.where(present, -(target * heat.cells).sum(dim=1), -heat.absent)
    side = (torch.softmax(heat.cells, dim=1) * heat.side).sum(dim=1)
    off = (side - centre[:, 2].clamp(min=_LEAST_SIDE).log()).abs()
    return ((loss + _SIDE_WEIGHT * off * present) * views.counts).mean()


@torch.no_grad()
def _errors(heat: Heat, views: Views, real: int, bare: int) -> tuple[float, float, float]:
    """Of real players: median distance of where numbers are found, in sides of the view; shares missed and false."""
    found = places(heat)
    counted = views.counts[:real]
    where = F.softmax(heat.cells[:real], dim=1)
    x, y = cell_centres(math.isqrt(heat.cells.shape[1]), heat.cells.device)
    centre = torch.stack([where @ x, where @ y], dim=1)
    off = (centre - views.places[:real, :2]).norm(dim=1)[counted]
    missed = (found.absent[:real] > 0.5).float().mean()
    false = (found.absent[real : real + bare] < 0.5).float().mean()
    return float(off.median()) if len(off) else 0.0, float(missed), float(false)


def _tensors(examples: Examples) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(examples.pictures), torch.from_numpy(examples.places)
