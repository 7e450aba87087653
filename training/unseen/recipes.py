"""The recipes that are compared: the seed's, and ours switched on part by part."""

from dataclasses import dataclass, replace
from typing import Final

from training.data.layout import Layout
from training.data.splits import Split, by_class, leaky_split_by_subfolder
from training.fitting.augment_batch import AugmentSettings
from training.fitting.balance import WeightScheme
from training.fitting.settings import ClassWeightSettings, DataSettings, FitSettings, TrainSettings


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one training does differently from the others."""

    name: str
    """How it is shown in the table."""
    own_loss: bool
    """False: label smoothing and MixUp on a network whose backbone is frozen to 60 %. True: no MixUp, the whole
    network trained, and a second head on the frames' features (deep supervision)."""
    weights: WeightScheme
    """Class weights."""
    empty_tens_factor: float
    """Factor on the weight of 'no tens digit'."""
    tree: str = "shirts"
    """What is trained on: `shirts`, or `composed`, which also holds numbers composed of two trained digits."""
    leaky_split: bool = False
    """Whether sub-folders of one sequence may fall on both sides of the split, as in the seed. No checkpoint is chosen
    by the held-out part here, so that this decides only what the training leaves out."""
    film: bool = False
    """Whether windows also pass `training.synthesis.augment`: other colours, distances and light in every epoch."""


RECIPES: Final = (
    Recipe("seed", own_loss=False, weights="effective_number", empty_tens_factor=0.5, leaky_split=True),
    Recipe("+ loss", own_loss=True, weights="effective_number", empty_tens_factor=0.5),
    Recipe("+ weighting", own_loss=True, weights="balanced", empty_tens_factor=1.0),
    Recipe("+ composition", own_loss=True, weights="none", empty_tens_factor=1.0, tree="composed"),
    Recipe("+ filming", own_loss=True, weights="none", empty_tens_factor=1.0, tree="composed", film=True),
)
"""In the order of the table. Composition evens out the classes itself, so nothing is left for class weights to do."""


AVERAGED: Final = ("+ composition", "+ filming")
"""Recipes whose weights are averaged in the end: both start from one network, and err on different windows."""


def seed_items(layout: Layout, settings: DataSettings, seed: int) -> Split:
    """What the seed would train and measure on: sub-folders drawn one by one.

    Raises:
        SplitError: One side would be empty.
    """
    trained, _ = by_class(layout.items, settings.train_numbers, settings.test_numbers)
    return leaky_split_by_subfolder(trained, settings.validation_share, seed)


def settings_of(recipe: Recipe, base: TrainSettings, output: str) -> TrainSettings:
    """The training settings of a recipe.

    Args:
        recipe: what it does differently.
        base: what all have in common: epochs, steps, batch size, learning rate; the data, but for the tree's name.
        output: folder for the checkpoints.
    """
    fit: FitSettings = replace(
        base.fit,
        label_smoothing=0.1,
        mixup_probability=0.0 if recipe.own_loss else 0.5,
        deep_supervision=0.5 if recipe.own_loss else 0.0,
    )
    weights = ClassWeightSettings(recipe.weights, empty_tens_factor=recipe.empty_tens_factor, square_root=True)
    model = replace(base.model, frozen_fraction=0.0 if recipe.own_loss else 0.6)
    return replace(
        base, fit=fit, class_weights=weights, model=model, augment=AugmentSettings(film=recipe.film), output=output
    )
