"""A data set of many sources, each named after it: whoever corrects a label by moving a picture changes its members."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DataSet:
    """What a folder of many sources holds now."""

    folder: Path
    """Where it lies; for messages."""
    name: str
    """What it is called in the manifest."""
    kind: str
    """Sub-command that builds it."""
    members: frozenset[str]
    """What its sources are called under its name, such as '7/x.jpg', all equally deep; at least one."""

    def has_lost(self, source: str, builder: str) -> bool:
        """Whether a source that a tree lists was a member and is none any more.

        >>> numbers = DataSet(Path("numbers"), "numbers", "crops", frozenset({"1/x.jpg"}))
        >>> numbers.has_lost("numbers/7/x.jpg", "crops 0123"), numbers.has_lost("numbers/7.jpg", "photos 0123")
        (True, False)

        Args:
            source: as in `training.building.origin.Origin`.
            builder: as there; data sets of one name and different kinds have nothing to do with each other.
        """
        member = source.removeprefix(f"{self.name}/")
        is_own = member != source and member.count("/") == next(iter(self.members)).count("/")
        return is_own and builder.partition(" ")[0] == self.kind and member not in self.members
