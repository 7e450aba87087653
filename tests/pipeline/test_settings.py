"""The settings file that ships shows every key, with the default."""

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
