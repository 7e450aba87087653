"""The pages for people name files, commands and settings that exist."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.config import load
from pipeline.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/*.md"), *ROOT.glob("[a-z]*/weights/*.md")])


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_anchors_are_headings(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text("utf-8")):
        headings = re.findall(r"^#+ (.+)$", (page.parent / target if target else page).read_text("utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", [one for one in PAGES if one.name == "README.md"], ids=named)
def test_commands_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    modules = {*re.findall(r"python -m ([a-z_]+(?:\.[a-z_]+)+)", text)}
    modules |= {*re.findall(r"`((?:pipeline|recognizer|training)\.[a-z_]+)`", text)}
    assert not [one for one in modules if find_spec(one) is None]


def test_settings_of_the_pipeline_that_the_readme_names_are_accepted() -> None:
    given = re.findall(
        r"`((?:detector|reader|effort|adaptation|identity)\.\w+=[^`\s]+)`", (ROOT / "README.md").read_text("utf-8")
    )
    assert len(given) > 3
    load(Settings, None, given)
