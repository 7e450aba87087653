"""Pictures and a murmuring crowd into one MP4."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.render.graphics import draw_score
from training.render.settings import PictureSettings, ScoreSettings

SAMPLE_RATE = 44_100
AUDIO_BITS = 48_000
"""Bits per second of the sound."""


def crowd_noise(seconds: float, seed: int) -> NDArray[np.float32]:
    """float32 (samples,), -1 to 1: noise shaped like many voices, swelling and falling."""
    rng = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.normal(size=count))
    hertz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    shape = np.exp(-(((np.log2(np.maximum(hertz, 20.0)) - np.log2(520.0)) / 1.5) ** 2)) + 0.02 * (hertz > 40)
    noise = np.fft.irfft(spectrum * shape, count)
    t = np.arange(count) / SAMPLE_RATE
    swell = 0.7 + 0.18 * np.sin(2 * np.pi * 0.23 * t + rng.uniform(0, 6)) + 0.10 * np.sin(2 * np.pi * 0.71 * t)
    noise = noise / np.abs(noise).max() * swell
    return np.asarray(noise * 0.5, dtype=np.float32)


def write_video(
    path: Path,
    pictures: Sequence[Path],
    picture: PictureSettings,
    seed: int,
    score: ScoreSettings | None = None,
) -> None:
    """Encode `pictures` in order as H.264 (yuv420p, fast start) with AAC sound; renamed when whole.

    Args:
        path: of the video.
        pictures: one file per frame; those of another size are enlarged.
        picture: size, frame rate and quality of the video.
        seed: of the sound.
        score: graphic drawn over every picture, or None.
    """
    width, height, frames_per_second = picture.width, picture.height, picture.frames_per_second
    unfinished = path.with_name(f".{path.stem}.part.mp4")
    with av.open(str(unfinished), "w", options={"movflags": "faststart"}) as container:
        video = container.add_stream(
            "libx264", rate=frames_per_second, options={"crf": str(picture.crf), "preset": "slow"}
        )
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.time_base = Fraction(1, frames_per_second)
        sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        sound.bit_rate = AUDIO_BITS
        for number, file in enumerate(pictures):
            with Image.open(file) as image:
                shown = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
            if score is not None:
                draw_score(shown, score, number / frames_per_second)
            frame = av.VideoFrame.from_ndarray(np.asarray(shown), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, frames_per_second)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        noise = crowd_noise(len(pictures) / frames_per_second, seed)
        step = 1024
        for start in range(0, len(noise), step):
            block = av.AudioFrame.from_ndarray(noise[None, start : start + step], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    unfinished.replace(path)
