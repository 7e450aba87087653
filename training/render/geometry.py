"""Shapes as signed distances (metres, negative inside) and the mesher that turns them into surfaces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Distance = Callable[[Floats], Floats]
"""Maps points (N, 3) to signed distances (N,)."""


@dataclass(frozen=True, slots=True)
class Tube:
    """A limb: elliptic sections strung along the line from `start` to `end`.

    `sections` rows are (place along the line 0-1, half width, half depth, offset towards `front`), in metres.
    """

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    sections: tuple[tuple[float, float, float, float], ...]
    front: tuple[float, float, float] = (0.0, 1.0, 0.0)

    def __call__(self, points: Floats) -> Floats:
        """Signed distance of points (N, 3); exact on round tubes, close on flat ones."""
        start, axis = np.array(self.start), np.array(self.end) - np.array(self.start)
        length = float(np.linalg.norm(axis))
        axis = axis / length
        front = np.array(self.front) - np.dot(self.front, axis) * axis
        front /= np.linalg.norm(front)
        side = np.cross(front, axis)
        relative = points - start
        along = relative @ axis
        table = np.array(self.sections)
        place = np.clip(along / length, table[0, 0], table[-1, 0])
        width, depth, offset = (_smooth_interpolate(place, table[:, 0], table[:, k]) for k in (1, 2, 3))
        overshoot = along - place * length
        x, y = relative @ side, relative @ front - offset
        thin = np.minimum(width, depth)
        scaled = np.sqrt((x / width) ** 2 + (y / depth) ** 2 + (overshoot / thin) ** 2)
        gradient = np.sqrt((x / width**2) ** 2 + (y / depth**2) ** 2 + (overshoot / thin**2) ** 2)
        return np.asarray(np.where(gradient > 1e-9, scaled * (scaled - 1.0) / np.maximum(gradient, 1e-9), -thin))


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An upright ellipsoid."""

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]

    def __call__(self, points: Floats) -> Floats:
        """Approximate signed distance of points (N, 3)."""
        relative, radii = points - np.array(self.centre), np.array(self.radii)
        scaled = np.linalg.norm(relative / radii, axis=1)
        gradient = np.linalg.norm(relative / radii**2, axis=1)
        return np.asarray(np.where(gradient > 1e-9, scaled * (scaled - 1.0) / np.maximum(gradient, 1e-9), -radii.min()))


def _smooth_interpolate(x: Floats, knots: Floats, values: Floats) -> Floats:
    """Interpolate with slopes that vanish nowhere they need not (cubic Hermite, Catmull-Rom slopes)."""
    if len(knots) == 1:
        return np.full_like(x, values[0])
    slopes = np.gradient(values, knots)
    cell = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    span = knots[cell + 1] - knots[cell]
    t = (x - knots[cell]) / span
    return np.asarray(
        (2 * t**3 - 3 * t**2 + 1) * values[cell]
        + (t**3 - 2 * t**2 + t) * span * slopes[cell]
        + (3 * t**2 - 2 * t**3) * values[cell + 1]
        + (t**3 - t**2) * span * slopes[cell + 1]
    )


def blend(distances: Sequence[Floats], softness: float) -> Floats:
    """Union of shapes, rounded over `softness` metres where they meet."""
    result = distances[0]
    for other in distances[1:]:
        h = np.maximum(softness - np.abs(result - other), 0.0) / softness
        result = np.minimum(result, other) - h * h * softness * 0.25
    return result


def carve(distance: Floats, other: Floats, softness: float) -> Floats:
    """Keep what is inside both shapes, rounded over `softness` metres."""
    return -blend([-distance, -other], softness)


@dataclass(frozen=True, slots=True)
class Surface:
    """A mesh of quads."""

    vertices: Floats
    """float64 (V, 3), metres."""
    quads: Ints
    """int64 (Q, 4), outward by the right-hand rule."""


def mesh_of(distance: Distance, low: Sequence[float], high: Sequence[float], spacing: float) -> Surface:
    """Surface nets: one vertex per grid cell the surface passes, one quad per grid edge it crosses.

    Args:
        distance: the shape.
        low: corner of the box searched, metres.
        high: opposite corner.
        spacing: size of a grid cell, metres.
    """
    axes = [np.arange(a - spacing, b + 2 * spacing, spacing) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    shape = grid.shape[:3]
    value = distance(grid.reshape(-1, 3)).reshape(shape)
    value = np.where(np.abs(value) < 1e-9, 1e-9, value)
    inside = value < 0
    cells = tuple(n - 1 for n in shape)
    total, count = np.zeros((*cells, 3)), np.zeros(cells)
    for axis in range(3):
        crossing, point = _crossings(value, inside, grid, axis, spacing)
        for shift in _around(axis):
            window = tuple(_cell_window(shift[k], cells[k], k == axis) for k in range(3))
            target = tuple(slice(0, cells[k]) for k in range(3))
            hit = crossing[window]
            total[target] += np.where(hit[..., None], point[window], 0.0)
            count[target] += hit
    used = count > 0
    index = np.full(cells, -1, np.int64)
    index[used] = np.arange(int(used.sum()))
    quads = [_quads(inside, index, axis) for axis in range(3)]
    return Surface(total[used] / count[used][:, None], np.concatenate(quads))


def _crossings(
    value: Floats, inside: NDArray[np.bool_], grid: Floats, axis: int, spacing: float
) -> tuple[NDArray[np.bool_], Floats]:
    """Which grid edges along `axis` the surface crosses, and where."""
    first = [slice(None)] * 3
    second = [slice(None)] * 3
    first[axis], second[axis] = slice(None, -1), slice(1, None)
    a, b = value[tuple(first)], value[tuple(second)]
    crossing = inside[tuple(first)] != inside[tuple(second)]
    point = grid[tuple(first)].copy()
    point[..., axis] += spacing * np.where(crossing, a / np.where(crossing, a - b, 1.0), 0.0)
    return crossing, point


def _around(axis: int) -> list[tuple[int, int, int]]:
    """Offsets from a cell to the four grid edges along `axis` on its border."""
    free = [0, 1]
    return [
        (i, j, k)
        for i in ([0] if axis == 0 else free)
        for j in ([0] if axis == 1 else free)
        for k in ([0] if axis == 2 else free)
    ]


def _cell_window(shift: int, cells: int, along: bool) -> slice:
    """Slice of the edge array that belongs to each cell for one offset."""
    return slice(0, cells) if along else slice(shift, shift + cells)


def _quads(inside: NDArray[np.bool_], index: Ints, axis: int) -> Ints:
    """Quads around the crossed edges along `axis`, turned outward."""
    u, v = (axis + 1) % 3, (axis + 2) % 3
    first = [slice(1, -1)] * 3
    second = [slice(1, -1)] * 3
    first[axis], second[axis] = slice(None, -1), slice(1, None)
    a, b = inside[tuple(first)], inside[tuple(second)]
    places = np.argwhere(a != b)
    leaving = a[tuple(places.T)]
    places[:, u] += 1
    places[:, v] += 1
    corners = []
    for du, dv in ((-1, -1), (0, -1), (0, 0), (-1, 0)):
        cell = places.copy()
        cell[:, u] += du
        cell[:, v] += dv
        corners.append(index[tuple(cell.T)])
    quads = np.stack(corners, axis=1)
    return np.asarray(np.where(leaving[:, None], quads, quads[:, ::-1]))
