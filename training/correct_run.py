"""Put a person's word into a run: `python -m training.correct_run RUN corrections.csv`.

Writes the run's tables and its annotated video anew, with the numbers of the table (`training.correction_sheet` shows
whom to name and writes it); nothing is detected or read again. Exit codes: 0 done; 2 something given cannot be used;
130 interrupted (Ctrl-C).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.results.folder import RunFolder
from pipeline.results.report import table
from pipeline.running import progress_bar
from recognizer.command import Parser, ending_in_a_sentence, say
from recognizer.errors import InputError
from training.correcting.applying import correct
from training.data.corrections import read_corrections
from training.data.finished_runs import open_finished_run


@ending_in_a_sentence("Interrupted; nothing was written.")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = _parser().parse_args(argv)
    run = open_finished_run(given.run, given.video, None)
    stretches = read_corrections(given.corrections, run.tracks, run.folder)
    if not stretches:
        raise InputError(f"{given.corrections} corrects no track; write the numbers that you can read into it.")
    folder = given.output or given.run.resolve().with_name(f"{given.run.resolve().name}-corrected")
    inputs = (given.corrections, *run.source.info.files)
    with RunFolder(folder, given.overwrite, inputs) as work, progress_bar(quiet=False) as progress:
        outcome = correct(run, stretches, given.corrections, work, progress, given.draw)
    say([table(outcome.players, outcome.rows), *(str(folder / name) for name in outcome.files)])
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="python -m training.correct_run",
        description="Apply your corrections to a run: its tables and its video are written anew.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("run", metavar="RUN", type=Path, help="a finished run's folder")
    add(
        "corrections",
        metavar="CSV",
        type=Path,
        help="track_id,jersey_number[,first_frame,last_frame]; -1: nobody can read it",
    )
    add("-o", "--output", metavar="DIR", type=Path, help="folder for the corrected run (default: RUN-corrected)")
    add("--overwrite", action="store_true", help="replace an earlier run in DIR once the new one is whole")
    add("--no-video", dest="draw", action="store_false", help="write the tables only, no annotated video")
    add("--video", metavar="PATH", type=Path, help="where the run's video lies now (default: where it was)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
