"""Where the data set lies: from the settings, the environment, or a file `.env`."""

import os
from collections.abc import Mapping
from pathlib import Path

from recognizer.errors import InputError

VARIABLE = "DATA_ROOT"


class DataRootError(InputError):
    """Nothing says where the data set lies, or `.env` cannot be read."""


class NoDataRootError(DataRootError):
    """Nothing says where the data set lies."""


def find_data_root(setting: str, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Path:
    """The data set's folder: `data.root`, else DATA_ROOT in the environment, else DATA_ROOT in a file `.env`.

    Args:
        setting: `data.root`; empty for none.
        environment: variables; the process's by default.
        folder: where `.env` is looked for; the working folder by default.

    Raises:
        NoDataRootError: None of the three says it.
        DataRootError: `.env` cannot be read.
    """
    variables = os.environ if environment is None else environment
    dotenv = (folder or Path()) / ".env"
    root = setting or variables.get(VARIABLE, "") or _read(dotenv).get(VARIABLE, "")
    if not root:
        raise NoDataRootError(
            f"No data set is named: set data.root in the settings, {VARIABLE} in the environment, or a line "
            f"{VARIABLE}=FOLDER in {dotenv}."
        )
    return Path(root).expanduser()


def parse_env(text: str) -> dict[str, str]:
    r"""Variables of a `.env` file: a KEY=VALUE on a line, maybe after `export`, the value maybe in quotes.

    >>> parse_env("# where\nexport DATA_ROOT='/data/my league'  # here\nOTHER=1")
    {'DATA_ROOT': '/data/my league', 'OTHER': '1'}

    Empty lines, comments and lines of another form say nothing; a later line wins.
    """
    found = {}
    for line in text.splitlines():
        key, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and key.strip().isidentifier():
            found[key.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    """A value without its quotes, or without the comment after it."""
    if value[:1] in ("'", '"') and value.find(value[0], 1) > 0:
        return value[1 : value.index(value[0], 1)]
    return value.partition(" #")[0].strip()


def _read(path: Path) -> dict[str, str]:
    try:
        return parse_env(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DataRootError(f"{path} cannot be read ({error}); mend it or set data.root.") from error
