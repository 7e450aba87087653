"""The cache of exports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from recognizer import onnx_cache
from recognizer.checkpoint import CheckpointInfo, load_checkpoint, save_checkpoint
from recognizer.graphs import ExportError
from recognizer.model import JerseyTemporalNet
from recognizer.networks import TorchNetwork
from recognizer.onnx_cache import CacheError, cache_folder, cache_key, make_room, open_cached
from recognizer.onnx_network import missing_packages
from recognizer.reader import JerseyReader

pytestmark = pytest.mark.skipif(bool(missing_packages()), reason="needs the extra 'cpu'")

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "jersey-numbers" / "onnx"


def opened(checkpoint: Path) -> bool:
    """Open through the cache; returns whether ONNX Runtime was noted as the faster one."""
    model, info = load_checkpoint(checkpoint)
    return open_cached(checkpoint, info, TorchNetwork(model, CPU, torch.float32, info.temperature))[1]


def test_exported_once_and_whole(checkpoint: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(checkpoint)
    (export,) = folder.iterdir()
    assert {path.name for path in export.iterdir()} == {"crops.onnx", "sequence.onnx", "export.json"}
    assert json.loads((export / "export.json").read_text())["largest_difference"] < 1e-4
    monkeypatch.setattr(onnx_cache, "write_onnx", lambda *_: pytest.fail("exported again"))
    opened(checkpoint)


@pytest.mark.parametrize(("torch_seconds", "faster"), [(2.0, True), (0.5, False)])
def test_the_record_says_which_backend_is_faster(
    checkpoint: Path, folder: Path, torch_seconds: float, faster: bool
) -> None:
    opened(checkpoint)
    (record,) = folder.glob("*/export.json")
    record.write_text(json.dumps({"cpu_seconds": {"torch": torch_seconds, "onnx": 1.0}}))
    assert opened(checkpoint) is faster


@pytest.mark.parametrize(("name", "content"), [("crops.onnx", b"{}"), ("sequence.onnx", None), ("export.json", b"{}")])
def test_a_damaged_export_is_replaced(checkpoint: Path, folder: Path, name: str, content: bytes | None) -> None:
    opened(checkpoint)
    (path,) = folder.glob(f"*/{name}")
    whole = path.stat().st_size
    path.unlink() if content is None else path.write_bytes(content)
    opened(checkpoint)
    assert path.stat().st_size > whole / 2
    assert len(list(folder.iterdir())) == 1


def test_other_weights_and_other_settings_have_exports_of_their_own(
    net: JerseyTemporalNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptions = []
    for temperature in (1.0, 2.0):
        save_checkpoint(tmp_path / "a.safetensors", net, CheckpointInfo(temperature=temperature))
        descriptions.append((tmp_path / "a.json").read_bytes())
    assert cache_key(descriptions[0]) != cache_key(descriptions[1])
    before = cache_key(descriptions[0])
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert cache_key(descriptions[0]) != before


def test_only_the_last_used_exports_are_kept(checkpoint: Path, folder: Path) -> None:
    for age in range(1, 7):
        for name in (f"export{age}", f".part{age}"):
            (folder / name).mkdir(parents=True)
            os.utime(folder / name, (0, 10_000_000_000 - age if name == ".part1" else 1_000_000 - age))
    opened(checkpoint)
    kept = {path.name for path in folder.iterdir()}
    assert len(kept) == 5
    assert kept > {"export1", "export2", "export3", ".part1"}


def test_exports_may_be_files(tmp_path: Path) -> None:
    for age in range(6):
        for name in (f"export{age}.onnx", f".part{age}"):
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (0, 10_000_000_000 if name == ".part1" else 1_000_000 - age))
    make_room(tmp_path / "export5.onnx")
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"export0.onnx", "export1.onnx", "export2.onnx", "export5.onnx", ".part1"}


def test_a_cache_that_cannot_be_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CacheError, match=r"cannot be used .*set XDG_CACHE_HOME"):
        opened(checkpoint)
    assert JerseyReader(checkpoint, CPU, precision="float32").backend == "torch"
    assert len(caplog.records) == 1


def test_an_export_that_differs_is_not_kept(checkpoint: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_cache, "largest_difference", lambda *_: 2e-4)
    with pytest.raises(ExportError, match=r"differs from PyTorch by 2.0e-04; allowed is 0.0001"):
        opened(checkpoint)
    assert not list(folder.iterdir())


def test_two_processes_export_at_once_and_telemetry_stays_off(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    """Official builds leave an identifier in the user's cache folder when their telemetry starts."""
    code = (
        "import sys, torch; from pathlib import Path; from recognizer.reader import JerseyReader; "
        "torch.set_num_threads(1); "
        "print(JerseyReader(Path(sys.argv[1]), torch.device('cpu'), backend='onnx').backend)"
    )
    command = [sys.executable, "-c", code, str(checkpoint)]
    plain = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "CI")}
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=plain) for _ in range(2)]
    assert [each.communicate(timeout=120)[0].strip() for each in running] == ["onnx", "onnx"]
    assert len(list(folder.iterdir())) == 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["jersey-numbers"]


def test_another_process_may_be_first(checkpoint: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure = onnx_cache.cpu_seconds

    def lose(*given: object) -> list[float]:
        monkeypatch.setattr(onnx_cache, "cpu_seconds", measure)
        opened(checkpoint)
        return [0.0, 1.0]

    monkeypatch.setattr(onnx_cache, "cpu_seconds", lose)
    opened(checkpoint)
    (record,) = folder.glob("*/export.json")
    assert json.loads(record.read_text())["cpu_seconds"]["torch"] > 0.0


@pytest.mark.parametrize(
    ("platform", "named", "expected"),
    [
        ("linux", "", ".cache"),
        ("linux", "relative", ".cache"),
        ("darwin", "", "Library/Caches"),
        ("win32", "", "AppData/Local"),
    ],
)
def test_the_platforms_own_folder(
    platform: str, named: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert cache_folder() == tmp_path / expected / "jersey-numbers" / "onnx"
