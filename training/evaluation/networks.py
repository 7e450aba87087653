"""Which of several networks was not trained on what is to be measured; their own records say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from recognizer.checkpoint import CheckpointInfo

Kind = Literal["clip", "game", "photos"]
"""What a network may have been trained on."""


@dataclass(frozen=True, slots=True)
class Network:
    """A checkpoint and what its record says it was trained on."""

    path: Path
    matches: frozenset[str] | None
    """Clips it was trained on; None where the record does not tell."""
    games: frozenset[str] | None
    """Games of number crops it was trained on, empty for every game; None where it saw none, or the record does not
    tell."""
    photo_sources: str | None
    """`all`, `even` or `odd`; None where it saw none, or the record does not tell."""
    before: tuple["Network", ...] = ()
    """What its training started from, and what was averaged into it or gave it tensors, as far as the record tells."""

    @property
    def tells(self) -> bool:
        """Whether the record says which clips it was trained on."""
        return self.matches is not None

    def saw(self, kind: Kind, name: str) -> bool:
        """Whether it, or one of those before it, was trained on something, as far as the record tells.

        Args:
            kind: what is asked about.
            name: the clip's, the game's, or `even` or `odd` for half of the photos' sources.
        """
        if any(network.saw(kind, name) for network in self.before):
            return True
        if kind == "clip":
            return self.matches is not None and name in self.matches
        if kind == "game":
            return self.games is not None and (not self.games or name in self.games)
        return self.photo_sources in ("all", name)


def network_of(path: Path, info: CheckpointInfo) -> Network:
    """Read a checkpoint's record.

    Args:
        path: the `.safetensors` file.
        info: what its JSON says.
    """
    return _of_record(path, info.training_data)


def all_records(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What a network was trained on, and what every network that went into it was.

    >>> [one["tracks"] for one in all_records({"tracks": 1, "start": {"tracks": 2, "averaged_with": [{"tracks": 3}]}})]
    [1, 2, 3]

    Args:
        record: a checkpoint's `training_data`.
    """
    yield record
    for one in _earlier(record):
        yield from all_records(one)


def _earlier(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Records of what a training started from, and of what was averaged into it or gave it tensors."""
    earlier = [record.get("start"), record.get("tensors_of"), *record.get("averaged_with", ())]
    return [one for one in earlier if isinstance(one, Mapping)]


def _of_record(path: Path, record: Mapping[str, Any]) -> Network:
    before = tuple(_of_record(path, one) for one in _earlier(record))
    settings = record.get("settings")
    mixture: Any = settings.get("mixture") if isinstance(settings, Mapping) else None
    matches = record.get("matches")
    if not isinstance(mixture, Mapping) or settings is None or settings.get("source") != "mixture":
        return Network(path, None if matches is None else frozenset(matches), None, None, before)
    return Network(
        path,
        None if matches is None else frozenset(matches),
        frozenset(mixture.get("games", ())) if mixture.get("soccer_crops") != 0 else None,
        str(mixture.get("photo_sources", "all")) if _shows_photos(mixture) else None,
        before,
    )


def _shows_photos(mixture: Mapping[str, Any]) -> bool:
    """Whether a mixture shows photos, or numbers cut out of them; the latter did not exist before it was recorded."""
    return mixture.get("photos") != 0 or mixture.get("photo_crops", 0) != 0


class Choice(NamedTuple):
    """The network that measures something."""

    network: Network
    unseen: bool
    """Whether it was not trained on that, as far as its record tells."""
    told: bool = True
    """Whether its record tells."""

    @property
    def remark(self) -> str:
        """For a table: which network, and whether the figure flatters it."""
        if not self.unseen:
            return f"{self.network.path.stem}, trained on it"
        known = "" if self.told else ", whose record does not tell what it was trained on"
        return f"{self.network.path.stem}{known}"


def choose(networks: Sequence[Network], kind: Kind, name: str) -> Choice:
    """The first network that did not see something (see `Network.saw`), one that tells what it saw if there is one.

    Where all saw it, the first of them.

    Args:
        networks: at least one.
        kind: what is to be measured.
        name: which one.
    """
    unseen = [network for network in networks if not network.saw(kind, name)]
    if not unseen:
        return Choice(networks[0], False)
    best = next((network for network in unseen if network.tells), unseen[0])
    return Choice(best, True, best.tells)
