"""Ask a person for the numbers that would teach most: `python -m training.correction_sheet RUN -o corrections.csv`.

Writes a sheet (corrections.png) of the tracks that a run gave no number though one is seen in them, and a table to fill
in, in which `?` leaves a track as it is. `training.correct_run` puts it into the run; `training.adapt` and
`training.build_dataset run` learn from it (--corrections).
Exit codes: 0 both are written; 2 something given cannot be used; 130 interrupted (Ctrl-C).
"""

import io
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from pipeline.results.outputs import READS, TRACKS
from recognizer.command import Parser, ending_in_a_sentence
from recognizer.errors import InputError
from training.adapting.lessons import read_windows
from training.correcting.asking import Likeliest, Question, questions, sheet, show
from training.data.corrections import CORRECTION_COLUMNS, FRAME_COLUMNS, LEFT
from training.data.finished_runs import open_finished_run
from training.data.tables import read_table
from training.evaluation.command import count
from training.evaluation.files import require_file, write_results
from training.fitting.progress import show_progress


@ending_in_a_sentence("Interrupted; nothing was written.")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = _parser().parse_args(argv)
    table, picture = given.output, given.output.with_suffix(".png")
    if table.suffix != ".csv":
        raise InputError(f"--output is {table}; allowed is a file ending in .csv.")
    for path in (table, picture):
        require_file(path)
        if path.exists():
            raise InputError(f"{path} is there already and may hold a person's work; name another file.")
    run = open_finished_run(given.run, given.video, None)
    asked = questions(read_windows(run.folder / READS), _unnamed(run.folder / TRACKS), given.count)
    if not asked:
        raise InputError(
            f"The run {given.run} shows no number in a track to which it gave none; nothing is to be asked."
        )
    show(asked, show_progress(run.looked_at(), -(-run.frames // run.every), run.source.info.name), run.crops)
    with io.BytesIO() as buffer:
        Image.fromarray(sheet(asked)).save(buffer, "PNG", optimize=True)
        write_results({picture: buffer.getvalue(), table: _table(asked).encode()})
    shown = f"{len(asked)} track{'s' if len(asked) > 1 else ''}"
    sys.stdout.write(
        f"{picture} shows {shown}; write the numbers you can read into {table} (-1 where nobody can read one, {LEFT} "
        "where you leave it open).\n"
    )
    return 0


def _unnamed(path: Path) -> dict[int, Likeliest]:
    """The tracks of a run without a number, but for those of which a person has said that none can be read."""
    columns = ("track_id", "jersey_number", "status", "team", "likeliest", "likeliest_confidence")
    rows = (row for row in read_table(path, columns) if row.text("status") != "corrected")
    unnamed = (row for row in rows if not row.text("jersey_number"))
    return {
        row.whole("track_id"): Likeliest(
            row.text("team"), row.text("likeliest"), row.real("likeliest_confidence") if row.text("likeliest") else 0.0
        )
        for row in unnamed
    }


def _table(asked: Sequence[Question]) -> str:
    rows = [f"{question.track_id},{LEFT},," for question in asked]
    return "\n".join([",".join((*CORRECTION_COLUMNS, *FRAME_COLUMNS)), *rows]) + "\n"


def _parser() -> Parser:
    parser = Parser(
        prog="python -m training.correction_sheet",
        description="Show the tracks without a number that you may be able to read, and write a table to fill in.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("run", metavar="RUN", type=Path, help="a finished run's folder")
    add(
        "-o",
        "--output",
        metavar="CSV",
        type=Path,
        required=True,
        help="table to fill in; the sheet lies beside it (.png)",
    )
    add("--count", type=count, default=24, help="tracks on the sheet (default: 24)")
    add("--video", metavar="PATH", type=Path, help="where the run's video lies now (default: where it was)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
