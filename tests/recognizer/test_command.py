"""How commands end."""

import io
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from recognizer.command import ending_in_a_sentence, say
from recognizer.errors import InputError


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (None, 0, ""),
        (InputError("The folder x is empty."), 2, "The folder x is empty.\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
    ],
)
def test_a_command_ends_in_a_sentence(
    failure: BaseException | None, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @ending_in_a_sentence()
    def main(argv: Sequence[str] | None = None) -> int:
        assert argv == ["x"]
        if failure:
            raise failure
        return 0

    assert main(["x"]) == code
    assert capsys.readouterr().err == said


def test_a_mistake_of_ours_keeps_its_traceback() -> None:
    @ending_in_a_sentence()
    def main(_argv: Sequence[str] | None = None) -> int:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        main()


@pytest.mark.parametrize(
    ("coding", "shown"), [("utf-8", r"матч\udcff.mp4"), ("cp1252", r"\u043c\u0430\u0442\u0447\udcff.mp4")]
)
def test_any_name_can_be_printed(coding: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed := io.BytesIO(), encoding=coding))
    say(["матч\udcff.mp4"])
    assert printed.getvalue().decode(coding).strip() == shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_a_terminal_that_takes_nothing_costs_no_result(where: str) -> None:
    code = "from recognizer.command import say; say(['line'] * 9); raise SystemExit(3)"
    done = subprocess.run(["sh", "-c", f'"$0" -c "$1" {where}', sys.executable, code], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (3, b"")


def test_a_table_that_nobody_reads_to_its_end_is_no_failure() -> None:
    code = "from recognizer.command import say; say(['line'] * 100_000); raise SystemExit(3)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.close()
        assert started.stderr is not None
        assert started.stderr.read() == b""
    assert started.returncode == 3


def test_a_kill_cleans_up(tmp_path: Path) -> None:
    code = (
        "import tempfile, time; from recognizer.command import ending_in_a_sentence\n"
        "@ending_in_a_sentence()\n"
        "def main(argv=None):\n"
        f"    with tempfile.TemporaryDirectory(dir={str(tmp_path)!r}):\n"
        "        print('started', flush=True); time.sleep(60)\n"
        "main()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"started\n"
        assert list(tmp_path.iterdir())
        started.terminate()
    assert started.returncode == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())
