"""Runs the product on one video: both passes, and the files they leave."""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path

import torch

from pipeline.clock import StageClock
from pipeline.detection.detector import PlayerDetector
from pipeline.media.encoders import choose_encoder
from pipeline.media.video import VideoError, VideoSource
from pipeline.passes import Models, Progress, draw, find
from pipeline.reading import WindowReader, differences
from pipeline.results.folder import RECORD
from pipeline.results.outputs import BOXES, READS, TRACKS, VIDEO, write_tracks
from pipeline.results.players import PLAYERS, join_tracks, write_players
from pipeline.results.report import RunSummary, provenance, run_record, write_record
from pipeline.settings import Settings
from pipeline.workers import Workers, in_turn
from recognizer.device import card_of

logger = logging.getLogger(__name__)


def process(
    source: VideoSource,
    settings: Settings,
    device: torch.device,
    folder: Path,
    progress: Progress = lambda update: None,
    video: bool = True,
    clock: StageClock | None = None,
) -> RunSummary:
    """Read the jersey numbers in a video and write the run's files.

    The video is decoded once to find and read, and once more to draw each track's final identity from its first
    frame on. Memory does not grow with its length, but for 16 bytes a frame, 8 bytes a window and a small summary of
    each track.

    Args:
        source: The video.
        settings: How each stage works.
        device: Where the networks run.
        folder: An existing, empty folder for the files.
        progress: Called after every frame.
        video: Whether to draw and write the annotated video.
        clock: Counts the stages' seconds; a new one by default.

    Returns:
        What was found and written.

    Raises:
        InputError: The video holds no picture, or the weights or the encoder cannot be used.
    """
    started, begun, clock = datetime.now(UTC), time.perf_counter(), clock or StageClock()
    size = source.info.width, source.info.height
    encoder = choose_encoder(settings.engine.encoder, size, card_of(device)) if video else None
    with Workers(settings.engine) as workers:
        with clock.stage("load"):
            models = _load(settings, device, workers)
        with clock.stage("hash"):
            origin = provenance(source.info, settings)
        findings = find(source, settings, models, folder, clock, progress, workers)
        if not findings.frames:
            raise VideoError(f"{source.info.path} holds no picture that can be decoded.")
        frames_lost, truncated = source.frames_lost, source.truncated
        write_tracks(folder / TRACKS, findings.rows)
        write_players(folder / PLAYERS, players := join_tracks(findings.rows))
        if encoder:
            draw(source, findings, folder, clock, progress, workers, encoder)
    summary = RunSummary(
        rows=findings.rows,
        players=players,
        reads=findings.reads,
        taught_by=findings.taught_by,
        encoder=encoder.name if encoder else None,
        cores=workers.count,
        backends={"detector": models.detector.backend, "reader": models.reader.backend},
        frames_decoded=findings.frames,
        frames_lost=frames_lost,
        truncated=truncated,
        stage_seconds=clock.seconds,
        queue_fill=workers.fill,
        wall_seconds=time.perf_counter() - begun,
        files=[*([VIDEO] if video else []), PLAYERS, TRACKS, BOXES, READS, RECORD],
    )
    write_record(folder / RECORD, run_record(summary, origin, settings, device, started))
    logger.info("%d frames in %.1f s", summary.frames_decoded, summary.wall_seconds)
    return summary


def _load(settings: Settings, device: torch.device, workers: Workers) -> Models:
    """The networks, ready to run."""
    detector = PlayerDetector(settings.detector, device)
    spread = workers.spread if device.type == "cpu" else in_turn
    reader = WindowReader(settings.reader, device, settings.adaptation.enabled, spread)
    reader.prepare(settings.windows.length)
    if unlike := differences(reader.info, settings.crops, settings.windows):
        logger.warning(
            "%s is given other regions or windows than it was trained on: %s.", reader.weights, "; ".join(unlike)
        )
    return Models(detector, reader)
