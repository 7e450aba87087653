"""The settings file that ships shows every key, with the default, and names its sections as the code does."""

import ast
import inspect
from itertools import pairwise
from pathlib import Path

import yaml

from pipeline.config import as_plain, load
from pipeline.settings import Settings

SHIPPED = Path(__file__).parents[2] / "configs" / "pipeline.yaml"


def test_the_shipped_file_holds_the_defaults() -> None:
    assert load(Settings, SHIPPED) == Settings()


def test_the_shipped_file_shows_every_key() -> None:
    shown = yaml.safe_load(SHIPPED.read_text())
    assert {section: list(keys) for section, keys in shown.items()} == {
        section: list(keys) for section, keys in as_plain(Settings()).items()
    }


def test_every_key_is_explained() -> None:
    lines = SHIPPED.read_text().splitlines()
    keys = [number for number, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")]
    assert all(lines[number - 1].lstrip().startswith("# ") for number in keys)


def test_sections_are_named_as_in_the_code() -> None:
    [made] = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(made, ast.ClassDef)
    named = {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(made.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }
    lines = SHIPPED.read_text().splitlines()
    shown = {line[:-1]: above.removeprefix("# ") for above, line in pairwise(lines) if line[:1].isalpha()}
    assert shown == named
