"""Render a match with known numbers: `python -m training.render_match --config configs/render.yaml`.

`--invent SEED` draws a whole match from a seed instead: kits, people, their ways, light and cameras.
"""

import argparse
import hashlib
import json
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from PIL import Image
from tqdm import tqdm

from pipeline.config import SettingsError, as_plain, load
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.errors import InputError
from training.render.actors import Actor, make_actors, view_at
from training.render.blender import load_blender
from training.render.encode import write_video
from training.render.graphics import score_box
from training.render.invent import invent
from training.render.scene import Scene
from training.render.settings import BUILT_IN, RenderSettings, TeamSettings
from training.render.truth import Sighting, sightings, stretches, write_boxes, write_labels, write_visibility

logger = logging.getLogger(__name__)

SIDE, MOST_ON_A_SIDE = 8, 15
"""Outfield players of each side of an invented match: default and most."""
MODELLING = Path(__file__).parent / "render"
"""Folder of the code that makes the pictures."""


@ending_in_a_sentence("Interrupted; the pictures that are done are kept, the same command goes on with the next.")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 = done, 2 = something given cannot be used, 130 = interrupted."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        render_match(_settings(options), options.output, options.work, options.only)
    except OSError as error:
        path, reason = error.filename or options.output, error.strerror or error
        raise InputError(f"{path} cannot be written or read: {reason}.") from error
    return 0


def render_match(settings: RenderSettings, output: Path, work: Path, only: Sequence[int] = ()) -> None:
    """Render the match, its truth and its sound.

    Args:
        settings: the match.
        output: folder for `NAME.mp4`, `NAME.boxes.csv`, `NAME.labels.csv` and `NAME.visibility.csv`.
        work: folder for the pictures; those already there (of the same settings) are kept.
        only: frames to render instead of the whole video (nothing but pictures is written then).
    """
    _require_frames(only, settings)
    pictures = work / f"{settings.name}-{_digest(settings)}"
    wanted = {frame: pictures / f"{frame:05d}.png" for frame in (only or range(settings.picture.frames))}
    missing = {frame: path for frame, path in wanted.items() if not _is_picture(path)}
    if missing:
        load_blender()  # say that it is not there before anything is made
    for folder in (pictures, output):  # find out before hours of rendering
        folder.mkdir(parents=True, exist_ok=True)
    actors = make_actors(settings)
    _render(settings, actors, missing, len(wanted))
    logger.info("pictures: %s", pictures)
    if only:
        return
    with tempfile.TemporaryDirectory(dir=output, prefix=f".{settings.name}.") as hidden:
        unfinished = Path(hidden)
        write_truth(settings, actors, unfinished)
        write_video(
            unfinished / f"{settings.name}.mp4",
            list(wanted.values()),
            settings.picture,
            settings.seed,
            settings.score,
        )
        for file in sorted(unfinished.iterdir()):  # video and truth take their places together
            file.replace(output / file.name)
    video = output / f"{settings.name}.mp4"
    logger.info("video: %s (%.2f MB)", video, video.stat().st_size / 1e6)


def _settings(options: argparse.Namespace) -> RenderSettings:
    """The match asked for, from its file or invented."""
    if options.invent is None:
        for name, given in (("--typefaces", options.typefaces), ("--side", options.side)):
            if given not in (None, []):
                raise SettingsError(f"{name} is of use only with --invent; --config says what a match is made of.")
        return load(RenderSettings, options.config, options.set)
    side = SIDE if options.side is None else options.side
    return _invented(options.invent, options.set, options.typefaces, side, options.output, options.only)


def _require_frames(only: Sequence[int], settings: RenderSettings) -> None:
    last = settings.picture.frames - 1
    for frame in only:
        if not 0 <= frame <= last:
            raise SettingsError(f"--only is {frame}, expected frames from 0 to {last}.")


def _is_picture(path: Path) -> bool:
    """Whether a whole PNG lies at `path`; a broken one is rendered anew."""
    if not path.exists():
        return False
    try:
        with Image.open(path) as picture:
            picture.verify()
    except (OSError, SyntaxError, ValueError):  # as Pillow calls a broken file
        logger.warning("%s is a broken picture and is rendered anew.", path)
        return False
    return True


def _invented(
    seed: int, overrides: Sequence[str], typefaces: Sequence[Path], side: int, output: Path, only: Sequence[int]
) -> RenderSettings:
    """A match invented from a seed; what was drawn is written into `output`, to be looked at and changed."""
    load_blender()  # say that it is not there before anything is made
    if not 1 <= side <= MOST_ON_A_SIDE:
        raise SettingsError(f"--side is {side}, expected 1 to {MOST_ON_A_SIDE} outfield players.")
    if seed < 0:
        raise SettingsError(f"--invent is {seed}, expected a seed from 0.")
    for typeface in typefaces:
        try:
            TeamSettings(typeface=str(typeface))
        except ValueError as error:
            raise SettingsError(f"--typefaces: {error}.") from error
    picture = load(RenderSettings, None, [text for text in overrides if text.startswith("picture.")]).picture
    text = as_yaml(invent(seed, picture, [str(path) for path in typefaces], side))
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / f"invented{seed}.yaml"
        drawn.write_text(text, encoding="utf-8")
        settings = load(RenderSettings, drawn, overrides)
    _require_frames(only, settings)
    output.mkdir(parents=True, exist_ok=True)
    (output / drawn.name).write_text(text, encoding="utf-8")
    logger.info("settings: %s", output / drawn.name)
    return settings


def as_yaml(settings: RenderSettings) -> str:
    """Settings as a file for `--config`; numbers to four digits behind the point."""
    return yaml.safe_dump(_rounded(as_plain(settings)), sort_keys=False, default_flow_style=None, width=120)


def _rounded(plain: Any) -> Any:  # noqa: ANN401 - dicts, lists and scalars
    if isinstance(plain, dict):
        return {key: _rounded(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_rounded(value) for value in plain]
    return round(plain, 4) if isinstance(plain, float) else plain


def write_truth(settings: RenderSettings, actors: Sequence[Actor], output: Path) -> None:
    """Write the boxes, labels and visibility of the whole match into `output`."""
    picture = settings.picture
    size = (picture.width, picture.height)
    covered = score_box(settings.score, size) if settings.score is not None else None
    seen: list[Sighting] = []
    for frame in range(picture.frames):
        moment = frame / picture.frames_per_second
        view = view_at(settings.shot(moment), moment, size)
        seen += sightings(actors, view, moment, frame, covered)
    write_boxes(output / f"{settings.name}.boxes.csv", seen)
    without = {actor.track for actor in actors if actor.person.number is None}
    write_visibility(output / f"{settings.name}.visibility.csv", seen, without)
    shots = [settings.shot(frame / picture.frames_per_second) for frame in range(picture.frames)]
    cuts = [frame for frame in range(1, picture.frames) if shots[frame] != shots[frame - 1]]
    rows = [row for actor in actors for row in stretches(actor, seen, picture.frames, cuts)]
    write_labels(output / f"{settings.name}.labels.csv", rows)


def _render(settings: RenderSettings, actors: list[Actor], missing: dict[int, Path], total: int) -> None:
    """Render the pictures that are missing of `total`."""
    if not missing:
        return
    scene = Scene(settings, actors)
    start = time.perf_counter()
    for frame, path in tqdm(missing.items(), unit="frame", total=total, initial=total - len(missing)):
        scene.render(frame, path)
    seconds = time.perf_counter() - start
    logger.info("%d frames in %.0f s, %.3f frames/s", len(missing), seconds, len(missing) / seconds)


def _digest(settings: RenderSettings) -> str:
    """Short name of what decides how a picture looks before the score is drawn over it.

    That is the settings, the modelling code and what the font files hold.
    """
    plain = as_plain(settings)
    plain.pop("score")
    for key in ("crf", "threads"):
        plain["picture"].pop(key)
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    fonts = {Path(team.typeface) for team in settings.teams if team.typeface not in BUILT_IN}
    for path in (*sorted(MODELLING.glob("*.py")), *sorted(fonts)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m training.render_match",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, default=Path("configs/render.yaml"), help="the match (YAML)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting")
    parser.add_argument("--invent", type=int, metavar="SEED", help="draw the match from a seed; --config is not read")
    parser.add_argument(
        "--typefaces", type=Path, nargs="+", default=[], metavar="FONT", help="font files for the digits of --invent"
    )
    parser.add_argument(
        "--side", type=int, metavar="N", help=f"outfield players of each side of --invent (default: {SIDE})"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("sample_videos"), help="folder for the files")
    parser.add_argument(
        "--work", type=Path, default=Path("runs/render"), help="folder for the pictures, kept to resume"
    )
    parser.add_argument("--only", type=int, nargs="+", default=[], metavar="FRAME", help="render these frames alone")
    return parser


if __name__ == "__main__":
    sys.exit(main())
