"""A progress bar for a training on a terminal."""

from collections.abc import Iterable

from tqdm import tqdm

from training.data.batch import Batch


def show_progress(batches: Iterable[Batch], count: int, name: str) -> Iterable[Batch]:
    """Pass batches on and show how far they are; nothing where stderr is no terminal."""
    bar: Iterable[Batch] = tqdm(batches, name, count, leave=False, disable=None, unit="batch")
    return bar
