"""Shapes, bodies and their clothes."""

import numpy as np
import pytest

from training.render.anatomy import Build
from training.render.bodies import BodyMesh, make_body
from training.render.clothes import garments
from training.render.geometry import Ellipsoid, blend, mesh_of
from training.render.skeleton import BONES, HEIGHT, place_joints, rotation, skin


@pytest.fixture(scope="module")
def body() -> BodyMesh:
    return make_body(Build(hair="curly", seed=3))


def test_meshed_ellipsoid_is_closed_outward_and_of_the_right_volume() -> None:
    shape = Ellipsoid((0.1, 0.0, 0.0), (0.5, 0.3, 0.4))
    surface = mesh_of(shape, (-0.4, -0.3, -0.4), (0.6, 0.3, 0.4), 0.03)
    corners = surface.vertices[surface.quads]
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    volume = np.sum(corners.mean(axis=1) * normals) / 6
    assert volume == pytest.approx(4 / 3 * np.pi * 0.5 * 0.3 * 0.4, rel=0.02)
    edges = np.sort(np.stack([surface.quads, np.roll(surface.quads, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    _, shared = np.unique(edges, axis=0, return_counts=True)
    assert set(shared) == {2}


def test_blend_is_no_smaller_than_the_union() -> None:
    a, b = np.linspace(-1, 1, 41), np.linspace(0.5, -0.5, 41)
    assert (blend([a, b], 0.2) <= np.minimum(a, b) + 1e-12).all()
    assert blend([a, b], 0.2)[0] == pytest.approx(-1.0)


def test_body_is_as_tall_as_it_says_and_stands_on_the_ground(body: BodyMesh) -> None:
    assert body.vertices[:, 2].min() == pytest.approx(0.0, abs=0.01)
    assert body.vertices[:, 2].max() == pytest.approx(HEIGHT, abs=0.06)
    assert np.abs(body.vertices[:, 0].mean()) < 0.01


def test_every_vertex_follows_its_bones_in_full(body: BodyMesh) -> None:
    assert body.weights.shape == (len(body.vertices), len(BONES))
    assert body.weights.sum(axis=1) == pytest.approx(1.0)
    assert body.quads.max() < len(body.vertices)
    assert ((body.uv >= 0) & (body.uv <= 1)).all()


def test_resting_pose_leaves_the_body_where_it_is(body: BodyMesh) -> None:
    still = skin(body.vertices, body.weights, place_joints({}, np.zeros(3), np.eye(3)))
    assert still == pytest.approx(body.vertices, abs=1e-3)


def test_a_raised_forearm_moves_the_hand_and_nothing_else(body: BodyMesh) -> None:
    placed = place_joints({"forearm_right": rotation(x=1.2)}, np.zeros(3), np.eye(3))
    moved = np.linalg.norm(skin(body.vertices, body.weights, placed) - body.vertices, axis=1)
    arm = body.weights[:, [BONES.index("forearm_right"), BONES.index("hand_right")]].sum(axis=1)
    assert moved[arm < 1e-4].max() < 1e-3
    assert moved[body.weights[:, BONES.index("hand_right")] > 0.9].min() > 0.15


@pytest.mark.parametrize("hair", ["short", "long", "bald"])
def test_hair_is_a_layer_of_its_own_unless_there_is_none(hair: str) -> None:
    assert ("hair" in [layer.name for layer in garments(Build(hair=hair))]) == (hair != "bald")
