"""Test media made in code, and what several tests look at.

Each picture carries its number in blocks so large that lossy coding leaves it legible.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image

from pipeline.types import CropWindow, UInt8Image, WindowCrop

SHARED = Path(__file__).parents[2] / "shared"
"""Real clips and data beside the checkout; tests that need them are marked `shared`."""

SIZE = (96, 64)
TICK = Fraction(1, 12_800)
_COLUMNS, _ROWS = 4, 3
_SAMPLE_RATE = 48_000


def numbered_picture(index: int, size: tuple[int, int] = SIZE) -> UInt8Image:
    """A picture (H, W, 3) whose 4 x 3 blocks spell `index` + 1 in binary, white for 1; `size` is width, height."""
    width, height = size
    bits = np.array([(index + 1) >> bit & 1 for bit in range(_COLUMNS * _ROWS)], np.uint8).reshape(_ROWS, _COLUMNS)
    rows, columns = np.arange(height) * _ROWS // height, np.arange(width) * _COLUMNS // width
    return np.repeat(bits[rows][:, columns, None] * np.uint8(255), 3, axis=2)


def numbered_pictures(count: int, size: tuple[int, int] = SIZE) -> list[UInt8Image]:
    """Pictures 0 to `count` - 1."""
    return [numbered_picture(index, size) for index in range(count)]


def read_index(bgr: UInt8Image) -> int:
    """The number in a picture, also after it was coded or slightly resized."""
    height, width = bgr.shape[:2]
    centre_y = (np.arange(_ROWS) * 2 + 1) * height // (2 * _ROWS)
    centre_x = (np.arange(_COLUMNS) * 2 + 1) * width // (2 * _COLUMNS)
    bits = bgr[centre_y][:, centre_x].mean(axis=2).ravel() > 127
    return sum(1 << bit for bit, on in enumerate(bits) if on) - 1


def even_times(count: int, rate: Fraction | int = 25) -> list[Fraction]:
    """Times of `count` evenly spaced frames."""
    return [Fraction(index) / rate for index in range(count)]


def write_video(
    path: Path,
    frames: Iterable[UInt8Image] | int,
    times: Sequence[Fraction] | None = None,
    *,
    rate: Fraction | int = 25,
    time_base: Fraction = TICK,
    rotation: int | None = None,
    audio: str | None = None,
    audio_seconds: float | None = None,
    audio_layout: str = "mono",
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    pixel_aspect: Fraction | None = None,
    hidden: int = 0,
    faststart: bool = True,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video; the suffix of `path` chooses the container.

    Args:
        path: file to write.
        frames: BGR pictures of one size, or how many numbered ones.
        times: seconds of each; evenly spaced at `rate` by default.
        rate: frames per second for the header and the default times.
        time_base: unit of the timestamps.
        rotation: degrees counterclockwise by which a player is to turn the pictures, kept as metadata.
        audio: codec of a sound track, such as 'aac'.
        audio_seconds: its length; by default the video's.
        audio_layout: its channels, such as 'stereo'.
        codec: video encoder.
        pixel_format: what it gets.
        pixel_aspect: width of a pixel over its height.
        hidden: this many first frames are in the file but cut away by an edit list (MP4); the others start at 0.
        faststart: whether an MP4 has its index in front of the pictures.
        options: for the encoder.
    """
    pictures = numbered_pictures(frames) if isinstance(frames, int) else list(frames)
    times = even_times(len(pictures), rate) if times is None else times
    flags = {"movflags": "+faststart"} if faststart and path.suffix in {".mp4", ".mov"} else {}
    with av.open(str(path), "w", container_options=flags) as output:
        coding = {"preset": "veryfast", "crf": "18"} if codec == "libx264" else {}
        video = output.add_stream(codec, Fraction(rate), options=coding | (options or {}), time_base=time_base)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = pixel_format
        if rotation is not None:
            video.set_display_rotation(rotation)
        if pixel_aspect is not None:
            video.sample_aspect_ratio = pixel_aspect
        if codec == "libx264":
            video.color_range, video.colorspace = ColorRange.MPEG, Colorspace.ITU709
        sound = _Tone(output, audio, audio_layout) if audio else None
        shift = round(times[hidden] / time_base)
        for picture, time in zip([*pictures, None], [*times, None], strict=True):
            frame = None
            if picture is not None and time is not None:
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame = frame.reformat(
                    format=pixel_format, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
                )
                frame.pts, frame.time_base = round(time / time_base), time_base
            for packet in video.encode(frame):
                if hidden and packet.pts is not None and packet.dts is not None:
                    packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                output.mux(packet)
        if sound:
            sound.write(audio_seconds if audio_seconds is not None else float(times[-1] + Fraction(1) / rate))
    return path


def write_audio(path: Path, codec: str = "aac", seconds: float = 1.0) -> Path:
    """Write a file with sound only."""
    with av.open(str(path), "w") as output:
        _Tone(output, codec).write(seconds)
    return path


class _Tone:
    """A sine tone on its way into a file."""

    def __init__(self, output: OutputContainer, codec: str, layout: str = "mono") -> None:
        self._output = output
        self._stream = output.add_stream(codec, _SAMPLE_RATE)  # type: ignore[call-overload]  # any codec name
        self._stream.layout = layout

    def write(self, seconds: float) -> None:
        samples = np.arange(round(seconds * _SAMPLE_RATE))
        wave: NDArray[np.int16] = (np.sin(samples * (2 * np.pi * 440 / _SAMPLE_RATE)) * 8000).astype(np.int16)
        frame_size = self._stream.frame_size or 1024
        resampler = av.AudioResampler(self._stream.format, self._stream.layout, _SAMPLE_RATE, frame_size)
        frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = _SAMPLE_RATE, 0
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            self._output.mux(self._stream.encode(part))


def write_images(folder: Path, frames: Iterable[UInt8Image] | int, suffix: str = ".png", first: int = 0) -> Path:
    """Write pictures as image files frame0.png, frame1.png and so on; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = numbered_pictures(frames) if isinstance(frames, int) else frames
    for index, picture in enumerate(pictures, start=first):
        Image.fromarray(np.ascontiguousarray(picture[:, :, ::-1])).save(folder / f"frame{index}{suffix}")
    return folder


def mp4_box(data: bytes, kind: bytes) -> tuple[int, int]:
    """Start and end of the first top-level box of a kind in an MP4."""
    position = 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == kind:
            return position, position + length
        position += length
    raise ValueError(f"no {kind!r} box")


def damage(path: Path, at: float = 0.5, length: int = 400, fill: bytes | None = None) -> Path:
    """Overwrite bytes in the middle of a file's pictures; `at` is the place, 0 to 1, in the data (MP4) or the file."""
    data = bytearray(path.read_bytes())
    start, end = mp4_box(bytes(data), b"mdat") if path.suffix == ".mp4" else (0, len(data))
    place = start + 16 + round((end - start - 16 - length) * at)
    noise = np.random.default_rng(7).integers(0, 256, length, np.uint8).tobytes()
    data[place : place + length] = noise if fill is None else fill * length
    path.write_bytes(data)
    return path


def cut(path: Path, keep: float) -> Path:
    """Cut a file's tail off; `keep` is the share of its bytes that stays."""
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * keep)])
    return path


def window_pixels(window: CropWindow) -> UInt8Image:
    """A window as the recognizer is given it, uint8 (T, S, S, 3); zeros where padded."""
    [first, *_] = held = [crop.rgb for crop in window.crops if crop is not None]
    pixels = np.zeros((len(window.crops), *first.shape), np.uint8)
    pixels[window.valid] = held
    return pixels


class CornerFinder:
    """Stands for a `RegionFinder` that finds every number at the top left of its region, in a zoom's share of it."""

    def look(self, crops: Sequence[WindowCrop]) -> None:
        """Nothing is to be looked for."""

    def absent(self, crops: Sequence[WindowCrop]) -> list[float]:
        """No crop is without a number."""
        return [0.0] * len(crops)

    def found(self, crops: Sequence[WindowCrop]) -> list[bool]:
        """Every crop shows one."""
        return [True] * len(crops)

    def inputs(self, crops: Sequence[WindowCrop], zoom: float = 1.0) -> UInt8Image:
        """The recognizer's input of crops, uint8 (N, S, S, 3)."""
        cut = [crop._native[: round(zoom * crop.side), : round(zoom * crop.side)] for crop in crops]
        return np.stack([crop.prepare(part) for crop, part in zip(crops, cut, strict=True)])
