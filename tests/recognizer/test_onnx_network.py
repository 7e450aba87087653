"""ONNX Runtime as the recognizer uses it."""

import sys
from pathlib import Path

import pytest
import torch

from recognizer.onnx_network import import_onnxruntime, missing_packages, open_session, require_packages
from recognizer.precision import BackendError

needs_onnx = pytest.mark.skipif(bool(missing_packages()), reason="needs the extra 'cpu'")


@needs_onnx
def test_as_many_threads_as_pytorch_and_none_that_spins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime, seen = import_onnxruntime(), []
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda path, options, providers: seen.append((options, providers))
    )
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    open_session(tmp_path / "graph.onnx")
    ((options, providers),) = seen
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert providers == ["CPUExecutionProvider"]


@needs_onnx
def test_a_file_that_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "graph.onnx").write_bytes(b"no graph")
    with pytest.raises(BackendError, match=r"ONNX Runtime cannot open .*graph\.onnx"):
        open_session(tmp_path / "graph.onnx")
    with pytest.raises(BackendError, match=r"ONNX Runtime cannot open .*absent\.onnx"):
        open_session(tmp_path / "absent.onnx")


@pytest.mark.parametrize("absent", [["onnx"], ["onnxruntime"], ["onnx", "onnxruntime"]])
def test_missing_packages_are_named(absent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in absent:
        monkeypatch.setitem(sys.modules, name, None)
    assert set(missing_packages()) >= set(absent)
    with pytest.raises(BackendError, match=f"^It needs .*{absent[-1]}.*, which the extra 'cpu' brings"):
        require_packages("It")
