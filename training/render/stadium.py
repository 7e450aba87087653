"""The ground, the boards and the stands inside Blender."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.render import surroundings
from training.render.blender import Thing
from training.render.materials import WHITE, Materials
from training.render.settings import Colour

Line = tuple[tuple[float, float, float], tuple[float, float, float]]
Corners = Sequence[tuple[float, float, float]]
GROUND = ((-20.0, -36.0), (58.0, 40.0))
"""Corners of the ground with the pitch's lines, metres; turf without lines lies round it."""
FAR = ((-300.0, -300.0), (400.0, 400.0))
"""Corners of the turf, metres."""
UNDER = 0.0005
"""Metres the turf lies under the ground; more, and the ground's edge throws a shadow on it."""
SIDES = (((-30.0, 39.0), (58.0, 39.0)), ((58.0, 39.0), (58.0, -70.0)))
"""Ends of the boards behind the far touchline and behind the goal, metres."""
WIDENED = (1.0, 1.6)
"""How much wider than real people the crowd of each side is drawn: cameras see the one behind the goal aslant."""
BOARD_HEIGHT = 0.95
GOAL = (3.66, 2.44, 1.8)
"""Half the width, height and depth of the goal, metres."""
NET_MESH = 0.24
"""Metres between the cords of the net."""


@dataclass(frozen=True, slots=True)
class _Stand:
    """A stand behind the boards: an upright picture of its people, who are out of focus anyway, metres."""

    front: float = 4.0
    low: float = 1.15
    """Height of the first row over the pitch."""
    rows: int = 18
    rise: float = 0.55


STAND = _Stand()


def _level(corners: tuple[tuple[float, float], tuple[float, float]], z: float) -> Corners:
    """The rectangle between two corners at height `z`."""
    (x0, y0), (x1, y1) = corners
    return [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]


class Stadium:
    """Puts everything that does not move into a scene."""

    def __init__(self, bpy: Thing, materials: Materials, team_colours: Sequence[Colour], seed: int) -> None:
        self._bpy, self._materials, self._seed = bpy, materials, seed
        self._colours = list(team_colours)

    def build(self) -> None:
        """Ground, boards, walls and crowd."""
        turf = self._materials.matte("turf", WHITE, surroundings.turf(self._seed), mirrored=True)
        self._quad("turf", _level(FAR, -UNDER), turf, (FAR[1][0] - FAR[0][0]) / surroundings.TURF)
        grass = self._materials.matte("ground", WHITE, surroundings.grass(*GROUND, self._seed))
        self._quad("ground", _level(GROUND, 0.0), grass)
        for k, (a, b) in enumerate(SIDES):
            self._stand(k, a, b)
        self._goal(surroundings.PITCH[0] / 2)

    def _stand(self, k: int, a: tuple[float, float], b: tuple[float, float]) -> None:
        """Boards from `a` to `b`, a wall behind them and the crowd above it."""
        seed, length = self._seed + k, math.dist(a, b)
        along, out = np.array([b[0] - a[0], b[1] - a[1]]) / length, np.array([a[1] - b[1], b[0] - a[0]]) / length
        board = self._materials.textured(f"boards{k}", surroundings.boards(length, BOARD_HEIGHT, seed), 0.5, glow=0.3)
        self._quad("boards", [(*a, 0.0), (*b, 0.0), (*b, BOARD_HEIGHT), (*a, BOARD_HEIGHT)], board)
        start, end = np.array(a) - along * 12.0, np.array(b) + along * 12.0
        people = surroundings.crowd(math.dist(start, end) / WIDENED[k], STAND.rows, STAND.rise, self._colours, seed)
        crowd, wall = self._materials.matte(f"crowd{k}", WHITE, people), self._materials.matte("wall", (72, 75, 83))

        near, far = ((place + out * STAND.front).tolist() for place in (start, end))

        def upright(low: float, high: float) -> Corners:
            return [(*near, low), (*far, low), (*far, high), (*near, high)]

        self._quad("wall", upright(0.0, STAND.low), wall)
        self._quad("crowd", upright(STAND.low, STAND.low + STAND.rows * STAND.rise), crowd)

    def _goal(self, x: float) -> None:
        """A goal on the line at `x`, its net drawn as thin ribbons, one mesh each."""
        frame, net = self._materials.plain("posts", (240, 240, 240), 0.4), self._materials.matte("net", (205, 208, 212))
        half, high, deep = GOAL
        posts = [((x, s * half, 0.0), (x, s * half, high)) for s in (-1, 1)] + [((x, -half, high), (x, half, high))]
        self._ribbons("goal", posts, 0.12, frame)
        back = x + deep
        rows, columns = np.arange(0.0, high + 0.01, NET_MESH), np.arange(-half, half + 0.01, NET_MESH)
        cords = [((back, -half, z), (back, half, z)) for z in rows.tolist()]
        cords += [((back, y, 0.0), (back, y, high)) for y in columns.tolist()]
        cords += [((x, y, high), (back, y, high)) for y in columns.tolist()]
        for s in (-1, 1):
            cords += [((x, s * half, z), (back, s * half, z)) for z in rows.tolist()]
            cords += [((v, s * half, 0.0), (v, s * half, high)) for v in np.arange(x, back, NET_MESH).tolist()]
        self._ribbons("net", cords, 0.02, net)

    def _ribbons(self, name: str, lines: Sequence[Line], width: float, material: Thing) -> None:
        """Straight pieces as crosses of two strips of `width` metres."""
        corners: list[tuple[float, float, float]] = []
        for a, b in lines:
            along = np.subtract(b, a)
            for k in np.argsort(np.abs(along))[:2]:
                offset = np.eye(3)[k] * width / 2
                corners += [tuple(np.add(p, s * offset).tolist()) for p, s in ((a, -1), (b, -1), (b, 1), (a, 1))]
        mesh = self._bpy.data.meshes.new(name)
        mesh.from_pydata(corners, [], np.arange(len(corners)).reshape(-1, 4).tolist())
        mesh.materials.append(material)
        self._bpy.context.scene.collection.objects.link(self._bpy.data.objects.new(name, mesh))

    def _quad(self, name: str, corners: Corners, material: Thing, times: float = 1.0) -> None:
        """A rectangle that shows its material's picture so many times along each side."""
        mesh = self._bpy.data.meshes.new(name)
        mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
        places = np.array([0, 0, 1, 0, 1, 1, 0, 1], np.float32) * np.float32(times)
        mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", places)
        mesh.materials.append(material)
        self._bpy.context.scene.collection.objects.link(self._bpy.data.objects.new(name, mesh))
