"""The match inside Blender: people, ball, light, camera, and the picture of one moment."""

import importlib
import math
from pathlib import Path

import numpy as np

from training.render.actors import Actor, ball_path, view_at
from training.render.blender import Thing, load_blender, silent
from training.render.camera import View
from training.render.materials import Materials
from training.render.motion import moments
from training.render.settings import RenderSettings
from training.render.stadium import Stadium

OPENS, CLOSES = 0.5, 1.5
"""Moments of Blender's clock at which the shutter opens and closes; every picture is taken at its frame 1."""


class Scene:
    """A match that can be photographed at any moment."""

    def __init__(self, settings: RenderSettings, actors: list[Actor]) -> None:
        self._settings, self._actors = settings, actors
        self._bpy = load_blender()
        with silent():
            self._bpy.ops.wm.read_factory_settings(use_empty=True)
        self._bpy.context.preferences.edit.keyframe_new_interpolation_type = "LINEAR"
        self._scene = self._bpy.context.scene
        self._configure()
        self._light()
        self._materials = Materials(self._bpy)
        Stadium(self._bpy, self._materials, [team.shirt for team in settings.teams[:2]], settings.seed).build()
        self._keys = [self._add_actor(actor) for actor in actors]
        self._ball = self._add_ball()
        self._camera = self._add_camera()

    def render(self, frame: int, path: Path) -> None:
        """Write the picture of 0-based `frame` to `path` (PNG); renamed when whole."""
        rate, shutter = self._settings.picture.frames_per_second, self._settings.picture.shutter
        before, after = (frame - shutter / 2) / rate, (frame + shutter / 2) / rate
        for actor, keys in zip(self._actors, self._keys, strict=True):
            for key, time in zip(keys, (before, after), strict=True):
                key.data.foreach_set("co", actor.vertices(time).astype(np.float32).ravel())
            keys[0].id_data.update_tag()
        size = self._settings.picture.width, self._settings.picture.height
        times = moments(self._settings.picture.duration_seconds)
        ball = ball_path(self._settings)
        shot = self._settings.shot(frame / rate)  # both ends of the exposure belong to one camera, at a cut too
        self._scene.view_settings.exposure = self._settings.light.exposure + shot.exposure
        self._camera.data.angle_y = view_at(shot, frame / rate, size).field
        for at, time in ((OPENS, before), (CLOSES, after)):
            self._aim(view_at(shot, time, size), at)
            self._ball.location = [float(np.interp(time, times, ball[:, k])) for k in range(3)]
            self._ball.keyframe_insert("location", frame=at)
        unfinished = path.with_name(f".{path.stem}.part.png")
        self._scene.render.filepath = str(unfinished)
        self._scene.frame_set(1)
        with silent():
            self._bpy.ops.render.render(write_still=True)
        unfinished.replace(path)

    def _configure(self) -> None:
        picture, render, cycles = self._settings.picture, self._scene.render, self._scene.cycles
        render.engine = "CYCLES"
        render.resolution_x, render.resolution_y = (round(v * picture.detail) for v in (picture.width, picture.height))
        render.resolution_percentage = 100
        render.image_settings.file_format = "PNG"
        render.image_settings.compression = 15
        render.use_persistent_data = True
        render.use_motion_blur, render.motion_blur_shutter = True, CLOSES - OPENS
        render.threads_mode = "FIXED" if picture.threads else "AUTO"
        if picture.threads:
            render.threads = picture.threads
        cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", picture.samples, False
        cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
        cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"
        cycles.max_bounces = cycles.diffuse_bounces = cycles.glossy_bounces = picture.bounces
        cycles.transmission_bounces = cycles.volume_bounces = cycles.transparent_max_bounces = 0
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.denoising_quality = "FAST"
        cycles.use_light_tree, cycles.sampling_pattern = False, "BLUE_NOISE"
        cycles.seed = self._settings.seed
        self._scene.view_settings.view_transform = "AgX"
        self._scene.view_settings.look = "AgX - Medium High Contrast"

    def _light(self) -> None:
        light = self._settings.light
        sun = self._bpy.data.lights.new("sun", "SUN")
        sun.energy, sun.angle, sun.color = light.sun, math.radians(0.9), (1.0, 0.95, 0.87)
        lamp = self._bpy.data.objects.new("sun", sun)
        lamp.rotation_euler = (
            math.radians(90 - light.sun_elevation_degrees),
            0,
            math.radians(light.sun_azimuth_degrees + 90),
        )
        self._scene.collection.objects.link(lamp)
        world = self._bpy.data.worlds.new("sky")
        self._scene.world = world
        world.use_nodes = True
        background = world.node_tree.nodes["Background"]
        background.inputs["Color"].default_value = (0.60, 0.74, 1.0, 1.0)
        background.inputs["Strength"].default_value = light.sky
        world.cycles.sampling_method = "NONE"

    def _add_actor(self, actor: Actor) -> tuple[Thing, Thing]:
        body = actor.body
        mesh = self._bpy.data.meshes.new(f"track{actor.track}")
        mesh.from_pydata(body.vertices.tolist(), [], body.quads.tolist())
        mesh.polygons.foreach_set("use_smooth", np.ones(len(body.quads), bool))
        mesh.polygons.foreach_set("material_index", body.material.astype(np.int32))
        mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", body.uv.ravel())
        for layer in body.materials:
            mesh.materials.append(self._materials.layer(layer, actor.kit, actor.person, actor.track))
        thing = self._bpy.data.objects.new(mesh.name, mesh)
        self._scene.collection.objects.link(thing)
        first, second = thing.shape_key_add(name="before"), thing.shape_key_add(name="after")
        second.value = 0.0
        second.keyframe_insert("value", frame=OPENS)
        second.value = 1.0
        second.keyframe_insert("value", frame=CLOSES)
        return first, second

    def _add_ball(self) -> Thing:
        self._bpy.ops.mesh.primitive_uv_sphere_add(segments=24, ring_count=12, radius=0.11)
        ball = self._bpy.context.object
        ball.data.materials.append(self._materials.plain("ball", (235, 235, 235), 0.5))
        return ball

    def _add_camera(self) -> Thing:
        camera = self._bpy.data.objects.new("camera", self._bpy.data.cameras.new("camera"))
        camera.data.sensor_fit, camera.rotation_mode = "VERTICAL", "QUATERNION"
        camera.data.clip_end = 1000.0
        self._scene.collection.objects.link(camera)
        self._scene.camera = camera
        return camera

    def _aim(self, view: View, frame: float) -> None:
        camera = self._camera
        camera.location = view.position.tolist()
        camera.rotation_quaternion = importlib.import_module("mathutils").Matrix(view.axes.tolist()).to_quaternion()
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_quaternion", frame=frame)
