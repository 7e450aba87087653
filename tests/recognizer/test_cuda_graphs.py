"""Passes of fixed sizes; recorded without CUDA, by running the function on the held tensors."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recognizer.cuda_graphs import SIZES, FixedShapes, Function, Tensors, plan

CPU = torch.device("cpu")


class Recorder:
    """Notes the sizes recorded; a recording keeps one result tensor, as a CUDA graph does."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, function: Function, held: Tensors) -> Callable[[], Tensors]:
        self.sizes.append(len(held[0]))
        results = function(*held)

        def replay() -> Tensors:
            for ours, new in zip(results, function(*held), strict=True):
                ours.copy_(new)
            return results

        return replay


def twice_and_sum(values: torch.Tensor, mask: torch.Tensor) -> Tensors:
    return values * 2, (values * mask).sum(dim=1)


@given(st.integers(0, 2000), st.lists(st.integers(1, 300), min_size=1, unique=True).map(sorted))
def test_a_plan_covers_every_row_once_and_wastes_no_smaller_size(count: int, sizes: list[int]) -> None:
    passes = plan(count, sizes)
    assert [row for first, rows, _ in passes for row in range(first, first + rows)] == list(range(count))
    for _, rows, size in passes:
        assert size in sizes
        assert 1 <= rows <= size
        assert not any(rows <= other < size for other in sizes)


def test_sizes_waste_at_most_three_quarters() -> None:
    assert all(size <= 2 * rows or rows <= 4 for count in range(1, 600) for _, rows, size in plan(count, SIZES))


def test_padded_passes_give_what_the_function_gives() -> None:
    recorder = Recorder()
    fixed = FixedShapes(twice_and_sum, CPU, recorder, (2, 4, 8))
    for count in (3, 8, 1, 19, 4, 2):
        values, mask = torch.rand(count, 5), torch.rand(count, 5) < 0.5
        for ours, theirs in zip(fixed(values, mask), twice_and_sum(values, mask), strict=True):
            assert torch.equal(ours, theirs)
    assert sorted(recorder.sizes) == [2, 4, 8]


@pytest.mark.parametrize(("most", "recorded"), [(1, [2]), (3, [4, 2]), (4, [4, 2]), (8, [8, 4, 2]), (50, [8, 4, 2])])
def test_what_is_prepared_is_not_recorded_later(most: int, recorded: list[int]) -> None:
    recorder = Recorder()
    fixed = FixedShapes(twice_and_sum, CPU, recorder, (2, 4, 8))
    fixed.prepare(most, torch.empty(1, 5), torch.empty(1, 5, dtype=torch.bool))
    assert recorder.sizes == recorded
    values, mask = torch.rand(most, 5), torch.rand(most, 5) < 0.5
    assert torch.equal(fixed(values, mask)[1], twice_and_sum(values, mask)[1])
    assert recorder.sizes == recorded


def test_results_are_not_overwritten_by_later_calls() -> None:
    fixed = FixedShapes(twice_and_sum, CPU, Recorder(), (4,))
    first = fixed(torch.ones(3, 2), torch.ones(3, 2, dtype=torch.bool))[0]
    fixed(torch.zeros(4, 2), torch.zeros(4, 2, dtype=torch.bool))
    assert torch.equal(first, torch.full((3, 2), 2.0))


def test_other_shapes_and_types_are_recorded_apart() -> None:
    recorder = Recorder()
    fixed = FixedShapes(lambda values: (values + 1,), CPU, recorder, (2,))
    assert fixed(torch.zeros(2, 3))[0].shape == (2, 3)
    assert fixed(torch.zeros(2, 4))[0].shape == (2, 4)
    assert fixed(torch.zeros(2, 4, dtype=torch.int64))[0].dtype == torch.int64
    assert recorder.sizes == [2, 2, 2]


def test_where_recording_fails_the_function_runs_directly(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_function: Function, _held: Tensors) -> Callable[[], Tensors]:
        raise RuntimeError("not permitted when stream is capturing")

    fixed = FixedShapes(lambda values: (values + 1,), CPU, refuse, (2,))
    for _ in range(2):
        assert fixed(torch.zeros(5, 1))[0].tolist() == [[1.0]] * 5
    assert len(caplog.records) == 1
    assert "not permitted" in caplog.text


def test_nothing_is_kept_for_gradients() -> None:
    weights, graphs = torch.ones(1, requires_grad=True), []

    def scale(values: torch.Tensor) -> Tensors:
        graphs.append((values * weights).grad_fn)
        return (values * weights,)

    fixed = FixedShapes(scale, CPU, Recorder(), (2,))
    fixed.prepare(2, torch.empty(1, 3))
    assert not fixed(torch.ones(2, 3))[0].requires_grad
    assert graphs
    assert not any(graphs)
