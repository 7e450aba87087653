"""Where the data set lies."""

from pathlib import Path

import pytest

from training.data.root import DataRootError, find_data_root, parse_env


def test_settings_come_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATA_ROOT=/from/file\n")
    assert find_data_root("/from/settings", {"DATA_ROOT": "/from/env"}, tmp_path) == Path("/from/settings")
    assert find_data_root("", {"DATA_ROOT": "/from/env"}, tmp_path) == Path("/from/env")
    assert find_data_root("", {}, tmp_path) == Path("/from/file")


def test_nothing_says_it(tmp_path: Path) -> None:
    with pytest.raises(DataRootError, match=r"set data\.root in the settings, DATA_ROOT in the environment, or a line"):
        find_data_root("", {}, tmp_path)


def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(DataRootError, match=r"\.env cannot be read"):
        find_data_root("", {}, tmp_path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("DATA_ROOT=/a/b", "/a/b"),
        ("  export DATA_ROOT = /a/b  ", "/a/b"),
        ('DATA_ROOT="/a b" # c', "/a b"),
        ("DATA_ROOT='/a#b'", "/a#b"),
        ("DATA_ROOT=/a#b # c", "/a#b"),
        ("DATA_ROOT=/a=b", "/a=b"),
        ("# DATA_ROOT=/x\n\nnonsense\nDATA_ROOT=/a\nDATA_ROOT=/b", "/b"),
        ("DATA_ROOT='/a", "'/a"),
    ],
)
def test_lines(text: str, value: str) -> None:
    assert parse_env(text)["DATA_ROOT"] == value
