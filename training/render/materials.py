"""Surfaces of the match inside Blender: cloth, skin, grass, boards."""

import numpy as np
from numpy.typing import NDArray

from training.render import kits
from training.render.blender import Thing
from training.render.settings import Colour, PersonSettings, TeamSettings

ROUGHNESS = {"skin": 0.55, "head": 0.5, "hair": 0.6, "shirt": 0.8, "shorts": 0.75, "socks": 0.9, "boots": 0.4}
WHITE: Colour = (255, 255, 255)


class Materials:
    """Makes materials and the pictures on them."""

    def __init__(self, bpy: Thing) -> None:
        self._data = bpy.data

    def layer(self, layer: str, team: TeamSettings, person: PersonSettings, track: int) -> Thing:
        """What one layer of a person is made of."""
        name = f"{layer}{track}"
        colours = {"hair": person.hair_colour, "boots": person.boots, "skin": person.skin}
        if layer in colours:
            return self.plain(name, colours[layer], ROUGHNESS[layer])
        makers = {
            "shirt": lambda: kits.shirt_texture(team, person), "shorts": lambda: kits.shorts_texture(team),
            "socks": lambda: kits.socks_texture(team), "head": lambda: kits.head_texture(person),
        }  # fmt: skip
        return self.textured(name, makers[layer](), ROUGHNESS[layer], bumps=layer in ("shirt", "shorts"))

    def matte(
        self, name: str, colour: Colour, pixels: NDArray[np.uint8] | None = None, *, mirrored: bool = False
    ) -> Thing:
        """A surface without gloss: much cheaper than the others, and most of the picture.

        A `mirrored` picture goes on beyond its edges as its own reflection.
        """
        material = self._data.materials.new(name)
        material.use_nodes = True
        nodes, links = material.node_tree.nodes, material.node_tree.links
        surface = nodes.new("ShaderNodeBsdfDiffuse")
        surface.inputs["Color"].default_value = (*_linear(colour), 1.0)
        if pixels is not None:
            texture = nodes.new("ShaderNodeTexImage")
            texture.image, texture.extension = self._image(name, pixels), "MIRROR" if mirrored else "REPEAT"
            links.new(texture.outputs["Color"], surface.inputs["Color"])
        nodes.remove(nodes["Principled BSDF"])
        links.new(surface.outputs["BSDF"], nodes["Material Output"].inputs["Surface"])
        return material

    def plain(self, name: str, colour: Colour, roughness: float = 0.9) -> Thing:
        """A surface of one colour with a little gloss."""
        material = self._data.materials.new(name)
        material.use_nodes = True
        surface = material.node_tree.nodes["Principled BSDF"]
        surface.inputs["Base Color"].default_value = (*_linear(colour), 1.0)
        surface.inputs["Roughness"].default_value = roughness
        surface.inputs["Specular IOR Level"].default_value = 0.25
        return material

    def textured(
        self, name: str, pixels: NDArray[np.uint8], roughness: float, *, glow: float = 0.0, bumps: bool = False
    ) -> Thing:
        """A surface with a picture; `glow` is its own light, `bumps` adds creases of cloth."""
        material = self.plain(name, WHITE, roughness)
        nodes, links = material.node_tree.nodes, material.node_tree.links
        surface = nodes["Principled BSDF"]
        texture = nodes.new("ShaderNodeTexImage")
        texture.image, texture.extension = self._image(name, pixels), "EXTEND"
        links.new(texture.outputs["Color"], surface.inputs["Base Color"])
        if glow:
            links.new(texture.outputs["Color"], surface.inputs["Emission Color"])
            surface.inputs["Emission Strength"].default_value = glow
        if bumps:
            self._crease(nodes, links, surface)
        return material

    def _crease(self, nodes: Thing, links: Thing, surface: Thing) -> None:
        height, bump, scale = (nodes.new(f"ShaderNode{kind}") for kind in ("TexImage", "Bump", "Mapping"))
        place = nodes.new("ShaderNodeTexCoord")
        grey = np.repeat(kits.cloth_bumps()[..., None], 3, axis=2)
        height.image, height.extension = self._image("creases", grey), "REPEAT"
        scale.inputs["Scale"].default_value = (4.0, 1.6, 1.0)
        links.new(place.outputs["UV"], scale.inputs["Vector"])
        links.new(scale.outputs["Vector"], height.inputs["Vector"])
        bump.inputs["Strength"].default_value, bump.inputs["Distance"].default_value = 0.9, 0.012
        links.new(height.outputs["Color"], bump.inputs["Height"])
        links.new(bump.outputs["Normal"], surface.inputs["Normal"])

    def _image(self, name: str, pixels: NDArray[np.uint8]) -> Thing:
        known = self._data.images.get(name)
        if known is not None:
            return known
        height, width = pixels.shape[:2]
        image = self._data.images.new(name, width, height)
        values = np.ones((height, width, 4), np.float32)
        values[..., :3] = pixels[::-1] / np.float32(255)
        image.pixels.foreach_set(values.ravel())
        image.pack()
        return image


def _linear(colour: Colour) -> tuple[float, float, float]:
    """Screen colour to light."""
    values = [c / 255.0 for c in colour]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return red, green, blue
