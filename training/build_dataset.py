"""Build the data set's tree: `python -m training.build_dataset {video,run,soccernet,photos,crops} ... -o ROOT`.

Exit codes: 0 done; 2 something given cannot be used; 130 interrupted. Sequences are added whole or not at all, and none
is added twice: an interrupted build goes on where it stopped when it is started again. The sequences of a run are added
together, at its end, and so are those of any source that replaces another: what was there stays until then.
"""

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.config import load
from pipeline.detection.detector import PlayerDetector
from pipeline.settings import Settings
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.device import resolve_device
from training.building.number_crops import build_crops, open_crop_folder
from training.building.photos import build_photos, open_photo_folder
from training.building.progress import BuildProgress, Progress
from training.building.runs import build_run, open_run
from training.building.sight import ReaderSight
from training.building.soccernet import build_jersey_folder, open_jersey_folder
from training.building.tree import DatasetTree, Tally
from training.building.video import build_video, open_labelled_video, require_own_labels, warn_of_namesake
from training.building.writer import WINDOW_SECONDS, Cutting


@ending_in_a_sentence("Interrupted; what was finished is kept; run it again to go on.")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    with _progress_bar(options.quiet) as progress, logging_redirect_tqdm():
        tally = options.build(options, progress)
    if not options.quiet:
        sys.stdout.write(f"{summary(options.output, tally)}\n")
    return 0


def summary(root: Path, tally: Tally) -> str:
    """What a build did, in a sentence, and a line on what was left out.

    >>> summary(Path("data"), Tally(sequences=2, pictures=30))
    'data: 2 sequences with 30 pictures added, 0 were there already.'
    """
    counts = (
        f"{tally.sequences} sequences with {tally.pictures} pictures added, {tally.there_already} were there already"
    )
    left_out = ", ".join(f"{count} {reason}" for reason, count in sorted(tally.left_out.items()))
    return f"{root}: {counts}." + (f"\nPictures left out: {left_out}." if left_out else "")


def _video(options: argparse.Namespace, progress: Progress) -> Tally:
    settings, cutting = _settings(options)
    videos = [open_labelled_video(v, options.labels, options.match, settings, cutting) for v in options.videos]
    require_own_labels(videos)
    detector = PlayerDetector(settings.detector, resolve_device(options.device))
    with DatasetTree(options.output, options.replace, settings.crops) as tree:
        for video in videos:
            tree.check(video.origin)
        for video in videos:
            if options.match is None:
                warn_of_namesake(tree, video.origin)
            build_video(tree, video, detector, settings, cutting, progress)
    return tree.tally


def _run(options: argparse.Namespace, progress: Progress) -> Tally:
    settings, cutting = _settings(options)
    corrected = open_run(options.folder, options.corrections, options.video, options.match, settings, cutting)
    sees = ReaderSight(corrected.run.weights, resolve_device(options.device))
    with DatasetTree(options.output, options.replace, settings.crops) as tree:
        if options.match is None:
            warn_of_namesake(tree, corrected.origin)
        build_run(tree, corrected, sees, settings, cutting, progress)
    return tree.tally


def _soccernet(options: argparse.Namespace, progress: Progress) -> Tally:
    settings, cutting = _settings(options)
    data = open_jersey_folder(options.folder, options.truth, options.name, options.match)
    with DatasetTree(options.output, options.replace, settings.crops) as tree:
        build_jersey_folder(tree, data, settings.crops, cutting, progress)
    return tree.tally


def _photos(options: argparse.Namespace, progress: Progress) -> Tally:
    settings, _ = _settings(options)
    data = open_photo_folder(options.folder, options.name)
    with DatasetTree(options.output, options.replace, settings.crops) as tree:
        build_photos(tree, data, settings.crops, progress)
    return tree.tally


def _crops(options: argparse.Namespace, progress: Progress) -> Tally:
    settings, cutting = _settings(options)
    data = open_crop_folder(options.folder, options.name, options.match)
    with DatasetTree(options.output, options.replace, settings.crops) as tree:
        build_crops(tree, data, settings.crops, cutting, options.tight, progress)
    return tree.tally


def _settings(options: argparse.Namespace) -> tuple[Settings, Cutting]:
    """The pipeline's settings and the cutting; the default gap is the pause after which the pipeline ends a window."""
    settings = load(Settings, options.config, options.overrides)
    seconds = settings.windows.max_gap_seconds if options.gap_seconds is None else options.gap_seconds
    by_frames = options.gap_frames is not None
    gap = None if by_frames else seconds
    return settings, Cutting(gap, options.gap_frames, options.max_seconds, options.min_pictures)


def _parser() -> Parser:
    parser = Parser(
        prog="python -m training.build_dataset",
        description="Add sequences of jersey crops to a data set: ROOT/NUMBER/SEQUENCE/SUBDIR/*.jpg and manifest.csv.",
        allow_abbrev=False,
    )
    kinds = parser.add_subparsers(title="sources", required=True, metavar="SOURCE")

    video = _kind(kinds, "video", _video, "videos with labels read by eye, through the pipeline's detector and tracker")
    video.add_argument("videos", metavar="VIDEO", type=Path, nargs="+", help="video file")
    video.add_argument(
        "--labels",
        metavar="PATH",
        type=Path,
        help="labels file of the one video, or folder with NAME.labels.csv for each; NAME.boxes.csv lies beside it "
        "(default: beside the video)",
    )

    run = _kind(kinds, "run", _run, "a finished run of python -m pipeline.run, corrected by a person")
    run.add_argument("folder", metavar="RUN", type=Path, help="the run's folder")
    run.add_argument(
        "--corrections",
        metavar="CSV",
        type=Path,
        help="track_id,jersey_number[,first_frame,last_frame]; blank or -1: nobody can read a number",
    )
    run.add_argument(
        "--video", metavar="PATH", type=Path, help="where the run's video lies now (default: where it was)"
    )

    for reading in (video, run):
        reading.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")

    soccernet = _kind(kinds, "soccernet", _soccernet, "a SoccerNet jersey folder: images/TRACKLET/*.jpg and *_gt.json")
    soccernet.add_argument("folder", metavar="FOLDER", type=Path, help="the folder")
    soccernet.add_argument("--truth", metavar="JSON", type=Path, help="numbers by tracklet (default: FOLDER/*_gt.json)")

    photos = _kind(kinds, "photos", _photos, "photos with number boxes: boxes.csv and images/")
    photos.add_argument("folder", metavar="FOLDER", type=Path, help="the folder")

    crops = _kind(kinds, "crops", _crops, "cut-out numbers: NUMBER/TRACKLET/*.jpg or NUMBER/*.jpg")
    crops.add_argument("folder", metavar="FOLDER", type=Path, help="the folder; tracklets.csv in it names the games")
    crops.add_argument(
        "--tight", action="store_true", help="keep the pictures as they are, without cloth round the number"
    )
    for data_set in (soccernet, photos, crops):
        data_set.add_argument(
            "--name", help="what it is called in the manifest, each by its own name (default: the folder's)"
        )
    photos.set_defaults(gap_seconds=None, gap_frames=None, max_seconds=None, min_pictures=1)
    for cut, longest, fewest in (
        (video, WINDOW_SECONDS, 3),
        (run, WINDOW_SECONDS, 3),
        (soccernet, None, 1),
        (crops, None, 1),
    ):
        _add_cutting(cut, longest, fewest)
    for matched, default in (
        (video, "the file's name"),
        (run, "the video file's name"),
        (soccernet, "none"),
        (crops, "the game, or the data set's name"),
    ):
        said = f"name of the match, which stays on one side of a split; one for all its files (default: {default})"
        matched.add_argument("--match", metavar="KEY", help=said)
    return parser


def _kind(
    kinds: "argparse._SubParsersAction[Parser]", name: str, build: object, description: str
) -> argparse.ArgumentParser:
    """A sub-command with the options that all have."""
    parser = kinds.add_parser(name, help=description, description=f"Add {description}.", allow_abbrev=False)
    parser.set_defaults(build=build)
    add = parser.add_argument
    add("-o", "--output", metavar="ROOT", type=Path, required=True, help="the data set; what is in it stays")
    add(
        "--replace",
        action="store_true",
        help="rebuild sequences whose labels, settings or pictures changed (the old ones stay until the new ones are "
        "complete), and take out what a folder does not hold any more",
    )
    parser.add_settings()
    add("-q", "--quiet", action="store_true", help="say nothing but errors")
    return parser


def _add_cutting(parser: argparse.ArgumentParser, longest: float | None, fewest: int) -> None:
    """Options that say how sequences are cut into sub-folders."""
    gap = parser.add_mutually_exclusive_group()
    gap.add_argument(
        "--gap-seconds",
        metavar="S",
        type=_seconds,
        help="pause that begins another sub-folder (default: windows.max_gap_seconds)",
    )
    gap.add_argument("--gap-frames", metavar="N", type=_count, help="the same in frames")
    parser.add_argument(
        "--max-seconds",
        metavar="S",
        type=_seconds,
        default=longest,
        help="longest time that a sub-folder spans, of which training makes one window at a time "
        f"(default: {longest or 'no limit'})",
    )
    parser.add_argument(
        "--min-pictures",
        metavar="N",
        type=_count,
        default=fewest,
        help=f"sub-folders with fewer pictures are left out (default: {fewest})",
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 1e-3 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not from 0.001 to 3600")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to 1000")
    return value


@contextlib.contextmanager
def _progress_bar(quiet: bool) -> Iterator[Progress]:
    """A bar for each source, on a terminal only; a header's wrong frame count does not upset it."""
    bar: tqdm[NoReturn] | None = None
    shown = ""

    def show(update: BuildProgress) -> None:
        nonlocal bar, shown
        if bar is None or shown != update.name:
            if bar is not None:
                bar.close()
            bar = tqdm(desc=update.name, total=update.expected, unit=f" {update.unit}", disable=True if quiet else None)
            shown = update.name
        if bar.total is not None and update.done > bar.total:
            bar.total = None
        bar.set_postfix_str(f"{update.sequences} sequences", refresh=False)
        bar.update(update.done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


if __name__ == "__main__":
    sys.exit(main())
