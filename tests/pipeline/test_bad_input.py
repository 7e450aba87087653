"""Every input and argument that cannot be used: one sentence, exit code 2, nothing left behind."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from factories import cut, write_audio, write_video

from pipeline.run import main

ROOT = Path(__file__).parents[2]


def text_as_video(folder: Path) -> str:
    (folder / "text.mp4").write_text("This is no video.\n" * 200)
    return "text.mp4"


def empty_file(folder: Path) -> str:
    (folder / "empty.mp4").touch()
    return "empty.mp4"


def folder_without_images(folder: Path) -> str:
    (folder / "pictures").mkdir()
    (folder / "pictures" / "readme.txt").write_text("none here")
    return "pictures"


def sound_only(folder: Path) -> str:
    return str(write_audio(folder / "sound.mp4"))


def index_cut_off(folder: Path) -> str:
    return str(cut(write_video(folder / "cut.mp4", 12, faststart=False), 0.3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: "missing.mp4", "missing.mp4 does not exist"),
        (lambda folder: "", "The input is an empty name; give a video file"),
        (lambda folder: "x" * 300 + ".mp4", r"xx\.mp4 cannot be read \(file name too long\)"),
        (lambda folder: "x" * 300 + "*", r"x\* cannot be read \(file name too long\)"),
        (lambda folder: "none*.jpg", r"No image matches none\*\.jpg"),
        (folder_without_images, "pictures holds no images"),
        (empty_file, r"empty\.mp4 is empty"),
        (text_as_video, r"text\.mp4 is (not a video|a text file)"),
        (sound_only, r"sound\.mp4 has no video stream \(sound only\)"),
        (index_cut_off, r"cut\.mp4 has lost its index"),
        (lambda folder: "rtsp://camera/1", "streams are not supported"),
    ],
)
def test_an_input_that_cannot_be_read(
    make: Callable[[Path], str], message: str, at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused([make(at_home), "-o", "out"], message, at_home, capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--set", "windows.lenght=5"],
            r"--set windows\.lenght=5: unknown key 'windows\.lenght' .*did you mean 'length'",
        ),
        (["--set", "windows.length=0"], r"--set windows\.length=0: windows\.length is 0; allowed is 1 to 64"),
        (["--set", "detector.confidence=high"], r"detector\.confidence is \"high\", expected a number"),
        (["--set", "tracker.kind=magic"], r'tracker\.kind is "magic", expected one of botsort'),
        (["--set", "windows"], "expected key=value"),
        (["--config", "missing.yaml"], r"settings file missing\.yaml does not exist"),
        (["--config", "wrong.yaml"], r"wrong\.yaml: unknown key 'detectr'"),
        (["--device", "tpu"], "The device 'tpu' is unknown; allowed are auto, cpu, cuda and cuda:N"),
        (["--device", "cuda:99"], "The device 'cuda:99' (cannot be used|does not exist)"),
        (["--set", "reader.weights=missing.safetensors"], r"weights file missing\.safetensors does not exist"),
        (["--set", "detector.weights=missing.safetensors"], r"weights file missing\.safetensors does not exist; mend"),
        (["--set", "detector.classes=[unicorn]"], "has no class 'unicorn'"),
        (["-o", "wrong.yaml"], r"wrong\.yaml is a file, but a folder is needed"),
        (["-o", "wrong.yaml/out"], "Cannot write to .*wrong.yaml/out: not a directory"),
        (["-o", "."], r"holds other files \(wrong\.yaml\) and no finished run"),
        (["-o", "x" * 300], "Cannot write to x+: file name too long; choose another folder with -o"),
        (["--config", "."], r"settings file \. cannot be read: is a directory\.$"),
        (["--set", "detector.confidence=!!float x"], r"has no valid YAML value: line 1, \"x\" is no float\.$"),
        (["--set", "detector.weights=yolo11n-cls.yaml"], r"yolo11n-cls\.yaml is made for another task \(classify\)"),
        (["--start", "99"], r"brief\.mp4 has no frame"),
        (["--start", "1e300"], r"The start is 1e\+300 s; it must be from 0 to 10,000,000 s\.$"),
        (["--start", "1e7"], r"brief\.mp4 has no frame"),
        (["--duration", "1e300"], r"The duration is 1e\+300 s; it must be above 0 and at most 10,000,000 s\.$"),
    ],
)
def test_an_argument_that_cannot_be_used(
    arguments: list[str],
    message: str,
    brief: Path,
    options: list[str],
    at_home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (at_home / "wrong.yaml").write_text("detectr: {}\n")
    refused([str(brief), "-o", "out", *options, *arguments], message, at_home, capsys)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that even root cannot write to")
def test_an_output_that_cannot_be_written(brief: Path, at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused([str(brief), "-o", "/proc/out"], "Cannot write to /proc/out: ", at_home, capsys)


def refused(arguments: list[str], message: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says one sentence, exits with 2 and leaves everything as it was."""
    before = sorted(home.rglob("*"))
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    sentence = printed.err.strip()
    assert len(sentence.splitlines()) == 1
    assert re.search(message, sentence)
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: INPUT"),
        (["x.mp4", "--start", "-1"], "argument --start: -1 is no time"),
        (["x.mp4", "--start", "soon"], "argument --start: soon is no time; seconds from 0 or H:MM:SS are expected"),
        (["x.mp4", "--start", "1:2:3:4"], "argument --start: 1:2:3:4 is no time"),
        (["x.mp4", "--start", "1:"], "argument --start: 1: is no time"),
        (["x.mp4", "--duration", "0"], "argument --duration: 0 is no duration"),
        (["a.jpg", "b.jpg", "c.jpg"], r"3 inputs are given \(a.jpg, b.jpg, ...\), expected is one; quote a glob"),
        (["x.mp4", "--quick"], "unrecognized arguments: --quick"),
        (["x.mp4", "-v", "-q"], "argument -q: not allowed with argument -v"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    sentence = capsys.readouterr().err
    assert len(sentence.splitlines()) == 1
    assert re.search(message, sentence)


def test_as_a_program_it_exits_with_two_and_shows_no_traceback(at_home: Path) -> None:
    command = [sys.executable, "-m", "pipeline.run", "missing.mp4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "missing.mp4 does not exist.\n")


WHILE_LOADING = """
import builtins, signal, sys
import pipeline.run

def load(name, *rest, real=builtins.__import__):
    if name == "torch":
        signal.raise_signal(signal.SIGINT)
    return real(name, *rest)

signal.signal(signal.SIGINT, signal.default_int_handler)
builtins.__import__ = load
sys.exit(pipeline.run.main(["x.mp4"]))
"""


def test_ctrl_c_while_libraries_are_loaded(at_home: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WHILE_LOADING], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted; nothing was written.\n")


def test_its_options_are_read_before_anything_heavy_is_loaded() -> None:
    """So that --help, a slip and Ctrl-C are answered at once."""
    code = "import sys; import pipeline.run; print(sorted({'torch', 'cv2', 'av', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
