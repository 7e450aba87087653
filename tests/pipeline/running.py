"""One run of the product, and sources made for tests."""

import csv
import json
import weakref
from collections.abc import Iterator
from pathlib import Path

import torch

from pipeline.media.video import VideoInfo, VideoSource
from pipeline.passes import ProgressUpdate
from pipeline.results.outputs import read_mot
from pipeline.results.report import RunSummary
from pipeline.types import Frame, UInt8Image

CPU = torch.device("cpu")
ANY_NUMBER = [
    "identity.min_confidence=0",
    "identity.min_agreement=0",
    "identity.min_readable=0",
    "identity.min_votes=0",
    "identity.min_reads=1",
]
"""Believe even an untrained reader."""


class Run:
    """What one run gave."""

    def __init__(self, folder: Path, summary: RunSummary, updates: list[ProgressUpdate]) -> None:
        self.folder = folder
        self.summary = summary
        self.updates = updates
        self.boxes = dict(read_mot(folder / "tracks.mot.txt"))
        self.reads = [json.loads(line) for line in (folder / "reads.jsonl").read_text().splitlines()]
        self.record = json.loads((folder / "run.json").read_text())
        with (folder / "tracks.csv").open(newline="") as file:
            self.tracks = list(csv.DictReader(file))
        with (folder / "players.csv").open(newline="") as file:
            self.players = list(csv.DictReader(file))


class ListedSource:
    """Frames from a list of pictures; counts how many of them are alive."""

    def __init__(self, like: VideoSource, pictures: list[UInt8Image]) -> None:
        self._like = like
        self._pictures = pictures
        self.most_alive = 0
        self.frames_lost = 0
        self.truncated = False

    @property
    def info(self) -> VideoInfo:
        return self._like.info

    def frames(self) -> Iterator[Frame]:
        refs: list[weakref.ref[UInt8Image]] = []
        for index, picture in enumerate(self._pictures):
            own = picture.copy()
            refs.append(weakref.ref(own))
            self.most_alive = max(self.most_alive, sum(ref() is not None for ref in refs))
            yield Frame(index, index / self.info.frames_per_second, own)
