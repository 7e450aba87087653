"""Which team a track plays for: kit colours gathered per track, grouped over the whole video.

The kits also tell where a track passed from a player of one team to one of another (`pipeline.kits.swaps`); from there
on it counts as a new track.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.kits.cells import Float
from pipeline.kits.colours import name_kits
from pipeline.kits.fitting import TeamSettings, find_kits, nearest_kits, support
from pipeline.kits.looks import KitEvidence, Look, distances, kit_histograms, look_at, smooth
from pipeline.kits.swaps import Swap, SwapSettings, find_swaps
from pipeline.types import Frame, TrackedBoxes

_MOST_FITTED = 400  # tracks, the best seen ones, that kits are found from; all tracks are then assigned
_CHUNK = 256  # tracks assigned at a time; bounds the memory
_SETTLE_SECONDS: Final = 30.0
"""How often swaps are looked for."""
_SETTLE_LOOKS: Final = 10_000
"""Looks, about 70 MB, after which swaps are looked for earlier."""
_KEPT: Final = 15
"""Latest clear looks at a person still there that are kept, so that a swap among them is found when more come."""
_MOST_KEPT: Final = 150
"""Looks kept at one person in all: the clear ones and those between them, in which others hide him."""
_SLACK_SECONDS: Final = 1e-6
"""How much earlier than due a look may come: times are rounded."""


@dataclass(frozen=True, slots=True)
class Team:
    """A kit worn in the video."""

    name: str
    """Plain colour name ('white', 'navy', 'red/white'), unique within a video; 'other' for a kit hardly seen."""
    rgb: tuple[int, int, int]
    """Main colour of the kit as filmed, 0 to 255 each."""


OTHER = Team("other", (150, 150, 150))
"""The team of tracks whose kit is unlike every kit with enough support."""


@dataclass(slots=True)
class _Track:
    """What was seen of one of the tracker's tracks."""

    parts: list[KitEvidence] = field(default_factory=lambda: [KitEvidence()])
    """One for each player that it followed, but for the looks below, which belong to the last."""
    looks: list[Look] = field(default_factory=list)
    last_seconds: float = -np.inf

    def players(self) -> list[KitEvidence]:
        """All that was seen of each player."""
        return [*self.parts[:-1], self.parts[-1].plus(self.looks) if self.looks else self.parts[-1]]

    def add_up(self, count: int) -> None:
        """Keep the first looks as sums alone."""
        self.parts[-1].take_in(self.looks[:count])
        self.looks = self.looks[count:]

    def settled(self) -> int:
        """How many looks a swap can no longer be found among, while the track goes on."""
        clear = [place for place, look in enumerate(self.looks) if look.clear]
        first_kept = clear[-_KEPT] if len(clear) >= _KEPT else 0
        return max(first_kept, len(self.looks) - _MOST_KEPT)


class TeamAssigner:
    """Collects the kit colours of every track, then groups the tracks into teams.

    Example:
        >>> from fractions import Fraction
        >>> frame = Frame(0, Fraction(0), np.full((200, 200, 3), 230, np.uint8))
        >>> box = np.array([[60, 20, 120, 180]], np.float32)
        >>> assigner = TeamAssigner(TeamSettings())
        >>> assigner.add(frame, TrackedBoxes(box, np.array([0.9], np.float32), np.array([7])))
        >>> assigner.assign()
        {7: Team(name='white', rgb=(230, 230, 230))}

    Args:
        settings: How tracks are grouped.
        swaps: When a track is taken to have passed to another player.
        lost_seconds: How long a player may be out of sight and keep his track.
    """

    def __init__(
        self, settings: TeamSettings, swaps: SwapSettings | None = None, lost_seconds: float = _SETTLE_SECONDS
    ) -> None:
        self._settings, self._swap_settings = settings, swaps or SwapSettings()
        self._gone_seconds = max(_SETTLE_SECONDS, lost_seconds, settings.interval_seconds) + _SLACK_SECONDS
        self._tracks: dict[int, _Track] = {}
        self._swaps: list[tuple[int, int]] = []
        """Frame and track of every swap found."""
        self._settled_seconds: float | None = None
        self._unsettled = 0
        """Looks since."""

    def add(self, frame: Frame, boxes: TrackedBoxes) -> None:
        """Take in one frame; tracks that were looked at less than the interval ago are passed over.

        Args:
            frame: The picture.
            boxes: Tracked players in it; those too small or mostly outside the picture are passed over.
        """
        now, interval = frame.time_seconds, self._settings.interval_seconds - _SLACK_SECONDS
        due = [
            row
            for row, track_id in enumerate(boxes.track_id.tolist())
            if track_id not in self._tracks or abs(now - self._tracks[track_id].last_seconds) >= interval
        ]
        for row, look in look_at(frame, boxes.xyxy, due):
            track = self._tracks.setdefault(int(boxes.track_id[row]), _Track())
            track.looks.append(look)
            track.last_seconds = now
            self._unsettled += 1
        if self._settled_seconds is None:
            self._settled_seconds = now
        if now - self._settled_seconds >= _SETTLE_SECONDS or self._unsettled >= _SETTLE_LOOKS:
            self._settle(now)
            self._settled_seconds, self._unsettled = now, 0

    def swaps(self, free_id: int) -> list[Swap]:
        """Where tracks passed to a player in another kit, in order of time; call it when all frames were added.

        Args:
            free_id: The first track id that is not in use.
        """
        self._settle(np.inf)
        return [Swap(track, frame, free_id + place) for place, (frame, track) in enumerate(sorted(self._swaps))]

    def assign(self, swaps: Sequence[Swap] = ()) -> dict[int, Team]:
        """Group all tracks seen so far.

        Args:
            swaps: As `swaps` gave them; without them only the first player of each track gets a team.

        Returns:
            The team of every track that was looked at; the same frames in the same order give the same teams.
        """
        parts = self._evidence(swaps)
        if not parts:
            return {}
        ids = sorted(parts)
        evidence = [parts[track_id] for track_id in ids]
        weights, kits = self._kits(evidence)
        worn, colours = self._join(evidence, weights, kits)
        named = [k for k in range(len(kits)) if (worn == k).any()]
        order = sorted(named, key=lambda k: -float(weights[worn == k].sum()))
        named_kits = name_kits([colours[k] for k in order])
        teams = {k: Team(name, rgb) for k, (name, rgb) in zip(order, named_kits, strict=True)}
        return {track_id: teams.get(int(kit), OTHER) for track_id, kit in zip(ids, worn, strict=True)}

    def _evidence(self, swaps: Sequence[Swap]) -> dict[int, KitEvidence]:
        """Of every player that was looked at, by the id of his track."""
        ids = {track_id: [track_id] for track_id in self._tracks}
        for swap in swaps:
            ids[swap.track_id].append(swap.new_id)
        return {
            track_id: player
            for known, track in self._tracks.items()
            for track_id, player in zip(ids[known], track.players(), strict=False)
        }

    def _kits(self, evidence: Sequence[KitEvidence]) -> tuple[Float, Float]:
        """How much each of some players says, (players,), and the kits that they wear, (kits, CELLS)."""
        weights = support(evidence)
        best = np.sort(np.argsort(-weights, kind="stable")[:_MOST_FITTED])
        shirts = kit_histograms([evidence[i] for i in best], self._settings.background)
        return weights, find_kits(smooth(shirts), weights[best] / weights[best].sum(), self._settings)

    def _settle(self, now: float) -> None:
        """Find swaps among the looks that are kept, and add them up, but for the latest at those still there."""
        everybody = [one for track in self._tracks.values() for one in track.players()]
        if not everybody:
            return
        _, kits = self._kits(everybody)
        for track_id, track in self._tracks.items():
            for frame_index in self._swaps_of(track.looks, kits):
                self._swaps.append((frame_index, track_id))
                track.add_up(sum(look.frame_index < frame_index for look in track.looks))
                track.parts.append(KitEvidence())
            gone = now - track.last_seconds > self._gone_seconds
            track.add_up(len(track.looks) if gone else track.settled())

    def _swaps_of(self, looks: Sequence[Look], kits: Float) -> list[int]:
        """First frames of other players among the looks at one track."""
        clear = [look for look in looks if look.clear]
        if len(kits) < 2 or len(clear) < 2 * self._swap_settings.looks:
            return []
        shirts = smooth(kit_histograms(clear, self._settings.background))
        return [clear[place].frame_index for place in find_swaps(distances(shirts, kits), self._swap_settings)]

    def _join(self, evidence: Sequence[KitEvidence], weights: Float, kits: Float) -> tuple[NDArray[np.int64], Float]:
        """The kit each track wears, (tracks,), -1 for none, and the colours of each kit's wearers, (kits, CELLS)."""
        worn = np.full(len(evidence), -1, np.int64)
        colours = np.zeros_like(kits)
        for start in range(0, len(evidence), _CHUNK):
            part = slice(start, start + _CHUNK)
            shirts = kit_histograms(evidence[part], self._settings.background)
            closest, apart = nearest_kits(smooth(shirts), kits)
            worn[part] = np.where(apart > self._settings.nearest_kit, -1, closest)
            for k in range(len(kits)):
                wearers = worn[part] == k
                colours[k] += weights[part][wearers] @ shirts[wearers]
        return worn, colours
