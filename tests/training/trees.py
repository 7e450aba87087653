"""Data sets made in code, in the layout of training/data/layout.py."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from nets import SIDE
from PIL import Image, ImageDraw, ImageFont

from pipeline.types import UInt8Image
from recognizer.preprocess import Preprocess
from training.data.crop_cache import open_cache
from training.data.dataset import SamplingSettings, WindowDataset
from training.data.layout import MANIFEST, MANIFEST_COLUMNS, frame_name, scan

TREE = {"4": 4, "8": 4, "48": 3, "-1": 2}
"""Numbers, and how many sequences the fixture `tree` has of each."""


def number_picture(number: str, side: int = 40, seed: int = 0) -> UInt8Image:
    """A shirt-like picture (side, side, 3): the number in a light colour on a darker one; '-1' draws none."""
    rng = np.random.default_rng(seed)
    ground, ink = rng.integers(0, 110, 3), rng.integers(170, 256, 3)
    image = Image.new("RGB", (side, side), tuple(ground.tolist()))
    if number != "-1":
        font = ImageFont.load_default(side * 0.62)
        draw = ImageDraw.Draw(image)
        x, y = side / 2 + rng.uniform(-2, 2), side / 2 + rng.uniform(-2, 2)
        draw.text((x, y), number, fill=tuple(ink.tolist()), font=font, anchor="mm")
    noisy = np.asarray(image, np.int16) + rng.integers(-8, 9, (side, side, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def make_tree(
    root: Path,
    sequences: Mapping[str, int],
    *,
    subdirs: int = 1,
    frames: int = 6,
    side: int = 40,
    suffix: str = ".jpg",
    anchors: bool = True,
    matches: int = 0,
    seed: int = 0,
) -> Path:
    """Write a data set.

    Args:
        root: Folder to fill; it is made.
        sequences: Sequences of each number folder, such as `{"7": 3, "46": 2, "-1": 2}`.
        subdirs: Sub-folders of each sequence.
        frames: Pictures of each sub-folder.
        side: Side of the square pictures in pixels.
        suffix: `.jpg`, or `.png` for exact pixels.
        anchors: Whether the middle picture of each sub-folder is marked as its anchor.
        matches: Write a manifest that deals the sequences out to so many matches; 0 writes none.
        seed: Of the pictures.

    Returns:
        `root`.
    """
    root.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[object, ...]] = []
    player = 0
    for number, count in sequences.items():
        for _ in range(count):
            player += 1
            sequence, match = f"player_{player}_seq_{100 + player}", f"match_{player % max(matches, 1)}"
            for subdir in range(subdirs):
                first = 1000 * subdir + 95
                folder = root / number / sequence / str(subdir)
                folder.mkdir(parents=True)
                for place in range(frames):
                    name = frame_name(str(player), first + place, 0, anchors and place == frames // 2, suffix)
                    picture = number_picture(number, side, hash((seed, player, subdir, place)) % 2**32)
                    Image.fromarray(picture).save(folder / name, quality=92)
                rows.append((number, sequence, subdir, match, "drawn", first, first + frames - 1, frames, "trees"))
    if matches:
        with (root / MANIFEST).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([MANIFEST_COLUMNS, *rows])
    return root


def dataset_of(root: Path, cache: Path) -> WindowDataset:
    """The windows of a data set, as `nets.save_small_net`'s network reads them."""
    layout, preprocess = scan(root), Preprocess(size=SIDE)
    crops = open_cache(layout, preprocess, cache)
    return WindowDataset(layout.items, crops, SamplingSettings())
