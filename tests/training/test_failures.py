"""The sheet of what is read wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from nets import save_small_net

from recognizer.decode import top_candidates
from recognizer.reader import JerseyReader
from training.evaluation.clip_windows import LabelledWindow, read_whole
from training.failures import Failure, find_failures, main, sheet, worst

REGION = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)


def failure(clip: str, number: str | None, read: str, probability: float) -> Failure:
    return Failure(clip, LabelledWindow([REGION] * 5, number), read, probability)


def test_a_wrong_number_is_a_failure_and_a_right_one_is_not(tmp_path: Path) -> None:
    reader = JerseyReader(save_small_net(tmp_path / "n.safetensors"), torch.device("cpu"), backend="torch")
    read = top_candidates(read_whole(reader, LabelledWindow([REGION], None)), k=1)[0]
    assert read.number is not None  # chance weights give numbers
    windows = [LabelledWindow([REGION], number) for number in (read.number, "none", None)]
    windows.append(LabelledWindow([REGION], None, worn=read.number))  # nobody could read it, and it is right
    found = find_failures(reader, "a", windows)
    assert [one.window.number for one in found] == ["none", None]
    assert all(one.read == read.number and one.probability == pytest.approx(read.probability) for one in found)


def test_the_surest_come_first_and_a_repeated_mistake_once() -> None:
    failures = [
        failure("a", "77", "17", 0.5),
        failure("a", "77", "17", 0.9),
        failure("b", "77", "17", 0.6),
        failure("a", None, "1", 0.8),
    ]
    assert [one.probability for one in worst(failures, count=3)] == [0.9, 0.8, 0.6]


def test_the_caption_tells_truth_read_and_clip() -> None:
    assert failure("a", None, "1", 0.8).caption == "unreadable read as 1 (0.80)  a"


def test_the_sheet_shows_every_picture() -> None:
    page = sheet([failure("a", "7", "1", 0.9)] * 4)
    assert page.shape[2] == 3
    assert page.shape[1] > 3 * 5 * 72
    rows = np.flatnonzero((page != 255).any(axis=(1, 2)))
    assert rows[-1] - rows[0] > 2 * 72  # two rows of pictures


def test_a_sheet_of_another_format_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "-o", "a.gif"]) == 2
    assert capsys.readouterr().err == "--output is a.gif; allowed is a file ending in .png or .jpg.\n"


def test_a_sheet_of_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path), "--count", "0", "-o", "a.png"])
    assert stopped.value.code == 2
    assert "argument --count: 0 is no count; a whole number from 1 is expected" in capsys.readouterr().err
