"""Meshes of a whole player: vertices, quads, materials, texture places and the bones each vertex follows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.render import anatomy
from training.render.anatomy import Build
from training.render.clothes import Garment, garments
from training.render.geometry import Floats, Ints, mesh_of
from training.render.skeleton import BONES

SOFTNESS = 0.016
"""How gradually a vertex passes from one bone to the next, metres."""


@dataclass(frozen=True, slots=True)
class BodyMesh:
    """A player in the resting pose; the layers are joined into one mesh."""

    vertices: Floats
    """float64 (V, 3), metres."""
    quads: Ints
    """int64 (Q, 4)."""
    weights: Floats
    """float64 (V, bones), rows sum to 1."""
    material: Ints
    """int64 (Q,), index into `materials`."""
    materials: tuple[str, ...]
    """Names of the layers."""
    uv: NDArray[np.float32]
    """float32 (Q, 4, 2): place of each corner in its layer's texture; left half back, right half front."""
    cloth: Floats
    """float64 (V,), 0 where tight, 1 where cloth hangs free."""


HEIGHTS: dict[str, tuple[float, float]] = {
    "skin": (0.0, 1.8), "head": (1.55, 1.82), "hair": (1.5, 1.9), "shirt": (0.82, 1.56),
    "shorts": (0.58, 1.04), "socks": (0.0, 0.5), "boots": (0.0, 0.12),
}  # fmt: skip
"""Heights in metres shown by the bottom and the top of each layer's texture."""
WIDTHS: dict[str, float] = {
    "head": 0.25,
    "hair": 0.3,
    "shirt": 1.0,
    "shorts": 0.7,
    "socks": 0.5,
    "boots": 0.5,
    "skin": 1.3,
}
"""Width in metres shown by each half of a layer's texture."""


def make_body(build: Build) -> BodyMesh:
    """Model one player."""
    vertices, quads, weights, material, uv, cloth = [], [], [], [], [], []
    layers = garments(build)
    count = 0
    for number, layer in enumerate(layers):
        surface = mesh_of(layer.distance, layer.low, layer.high, layer.spacing)
        vertices.append(surface.vertices)
        quads.append(surface.quads + count)
        count += len(surface.vertices)
        weights.append(bone_weights(surface.vertices, layer, build.girth))
        material.append(np.full(len(surface.quads), number, np.int64))
        uv.append(texture_places(surface.vertices, surface.quads, layer.name))
        cloth.append(_looseness(surface.vertices, layer.name))
    return BodyMesh(
        vertices=np.concatenate(vertices),
        quads=np.concatenate(quads),
        weights=np.concatenate(weights),
        material=np.concatenate(material),
        materials=tuple(layer.name for layer in layers),
        uv=np.concatenate(uv),
        cloth=np.concatenate(cloth),
    )


def bone_weights(vertices: Floats, layer: Garment, girth: float) -> Floats:
    """Share (V, bones) of each bone in each vertex: the nearer its part of the body, the larger."""
    parts = anatomy.body_parts(girth)
    weights = np.zeros((len(vertices), len(BONES)))
    for name, distance in parts.items():
        stem = name.removesuffix("_right").removesuffix("_left")
        if stem not in layer.bones and not (stem == "trunk" and "pelvis" in layer.bones):
            continue
        softness = SOFTNESS * (1.6 if stem in ("trunk", "upper_arm", "thigh") else 1.0)
        share = np.exp(-np.clip(distance(vertices) / softness, -20, 40))
        if stem == "thigh" and layer.name == "shirt":
            share = share * 0.5 * _step((0.98 - vertices[:, 2]) / 0.14)
        if stem != "trunk":
            weights[:, BONES.index(name)] = share
        elif "pelvis" in layer.bones:
            weights[:, BONES.index("pelvis")] = share
        else:
            pelvis, spine, chest = _trunk_shares(vertices[:, 2])
            for bone, part in (("pelvis", pelvis), ("spine", spine), ("chest", chest)):
                weights[:, BONES.index(bone)] = share * part
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(weights / np.maximum(total, 1e-30))


def _trunk_shares(z: Floats) -> tuple[Floats, Floats, Floats]:
    """Shares of pelvis, spine and chest at heights z (N,)."""
    chest = _step((z - 1.08) / 0.20)
    pelvis = 1.0 - _step((z - 0.92) / 0.20)
    return pelvis, np.clip(1.0 - chest - pelvis, 0.0, 1.0), chest


def _step(t: Floats) -> Floats:
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def texture_places(vertices: Floats, quads: Ints, layer: str) -> NDArray[np.float32]:
    """Flat projection of each corner (Q, 4, 2): from behind into the left half, from the front into the right half."""
    corners = vertices[quads]
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    front = normal[:, 1] > 0
    low, high = HEIGHTS[layer]
    across = np.clip(corners[:, :, 0] / WIDTHS[layer] + 0.5, 0.002, 0.998)
    u = np.where(front[:, None], 0.5 + 0.5 * (1.0 - across), 0.5 * across)
    v = (corners[:, :, 2] - low) / (high - low)
    return np.stack([u, v], axis=-1).astype(np.float32)


def _looseness(vertices: Floats, layer: str) -> Floats:
    z = vertices[:, 2]
    if layer == "shirt":
        return _step((1.30 - z) / 0.40)
    if layer == "shorts":
        return _step((0.85 - z) / 0.25)
    return np.zeros(len(vertices))
