"""Reads every import of the product and holds the house's one-way rule."""

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("recognizer", "pipeline", "training")
MAY_IMPORT = {
    "recognizer": {"recognizer"},
    "pipeline": {"pipeline", "recognizer"},
    "training": {"training", "pipeline", "recognizer"},
}
RECOGNIZER_PACKAGES = {"torch", "torchvision", "numpy", "PIL", "safetensors", "onnxruntime"}
ULTRALYTICS_HOMES = re.compile(
    r"pipeline/(detection/detector|tracking/tracker)\.py|training/(\w*detector\w*|detector/\w+)\.py"
)
TORCH_FREE = {"pipeline/types.py", "pipeline/config.py", "pipeline/results/folder.py", "recognizer/labels.py"}


def imported_modules(path: Path) -> Iterator[str]:
    """Absolute names of all modules a file imports, also inside functions and through importlib."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join([*above, *([node.module] if node.module else [])])
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"importlib.import_module", "__import__"}:
            argument = node.args[0]
            assert isinstance(argument, ast.Constant), f"{path} imports a computed name: {ast.unparse(node)}"
            yield argument.value


def sources(*rooms: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for room in rooms for path in (ROOT / room).rglob("*.py"))


def top_names(source: str) -> set[str]:
    return {name.split(".")[0] for name in imported_modules(ROOT / source)}


def test_every_room_has_files() -> None:
    assert all(len(sources(room)) > 1 for room in ("recognizer", "pipeline"))


@pytest.mark.parametrize("source", sources(*ROOMS))
def test_imports_run_one_way(source: str) -> None:
    room = source.split("/")[0]
    back = top_names(source) & (set(ROOMS) - MAY_IMPORT[room])
    assert not back, f"{source} imports {sorted(back)}"


@pytest.mark.parametrize("package", ["pipeline", "training"])
def test_no_inner_rooms_import_each_other(package: str) -> None:
    """Imports between the folders of a package run one way too; its own files stand above or between them."""
    rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    needs: dict[str, set[str]] = {room: set() for room in rooms}
    for source in sources(package):
        room = source.split("/")[1]
        if room in rooms:
            names = [name.split(".") for name in imported_modules(ROOT / source)]
            needs[room] |= {name[1] for name in names if name[0] == package and len(name) > 1} & rooms - {room}
    assert any(needs.values())
    assert set(TopologicalSorter(needs).static_order()) == rooms  # a CycleError names the circle


@pytest.mark.parametrize("source", sources(*ROOMS))
def test_ultralytics_stays_in_its_adapters(source: str) -> None:
    assert "ultralytics" not in top_names(source) or ULTRALYTICS_HOMES.fullmatch(source)


@pytest.mark.parametrize("source", sources("recognizer"))
def test_the_recognizer_needs_few_packages(source: str) -> None:
    third_party = top_names(source) - set(sys.stdlib_module_names) - {"recognizer"}
    assert third_party <= RECOGNIZER_PACKAGES


@pytest.mark.parametrize("source", sorted(TORCH_FREE))
def test_records_and_settings_stay_light(source: str) -> None:
    assert not top_names(source) & {"torch", "cv2", "av", "ultralytics"}


def test_the_reader_of_imports_sees_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_layers.ROOT", tmp_path)
    module = tmp_path / "pipeline" / "deep" / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text(
        "import a.b, c\nfrom d.e import f\nfrom . import g\nfrom ..up import h\n"
        "def late():\n    import i\n    importlib.import_module('j.k')\n"
    )
    assert set(imported_modules(module)) == {"a.b", "c", "d.e", "pipeline.deep", "pipeline.up", "i", "j.k"}
