"""The conditions under which the crops of one window are filmed: distance, light, colours and compression."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.types import FloatArray, UInt8Image

Rng = np.random.Generator

_CALM_SHARE = 0.7
"""Share of the looks that are mild, as most broadcasts are."""
_CALM_SHARPNESS = 0.75
"""Least share of its side that a mild look resolves."""

_PHOTO_SHARE = 0.25
"""Share of the compressed looks that are JPEG."""
_BEST_CRF = 18


@dataclass(frozen=True, slots=True)
class Look:
    """What all crops of one window share: distance, light and compression."""

    side: int
    """Side in pixels to which a region is scaled down before anything else."""
    resolved: int
    """Side in pixels of the picture that the camera really resolved, at most `side`; the rest is upscaling."""
    halo: float
    """Strength of the sharpening that broadcast adds, with its bright and dark seams; 0 for none."""
    mix: FloatArray
    """float32 (3, 3), each row a channel of the result as a sum of the picture's: other kits, the same digits."""
    negative: bool
    """Whether light and dark change places."""
    gain: FloatArray
    """float32 (3,), factor per colour channel."""
    offset: float
    """Added to every channel after the gain, -60 to 60."""
    gamma: float
    """Exponent of the tone curve."""
    jpeg_quality: int
    """5 to 100; 100 leaves the picture as it is."""
    crf: int
    """Rate factor of H.264, after that, 1 to 51; 0 leaves the picture as it is."""
    noise: float
    """Standard deviation of the sensor noise, grey levels."""
    blur: float
    """Standard deviation of the lens blur as a share of the side."""


def draw_look(rng: Rng, smallest: int = 14, largest: int = 90, *, broadcast: bool = True) -> Look:
    """Draw the conditions of one window.

    Args:
        rng: source of chance.
        smallest: least side of a region in pixels (14 leaves digits of about 8 px on a standing player).
        largest: greatest side.
        broadcast: whether pictures may be upscaled and sharpened on their way, as broadcast's are.
    """
    side = round(float(np.exp(rng.uniform(np.log(smallest), np.log(largest)))))
    tint = rng.normal(0.0, 0.05, 3)
    jpeg_quality, crf = draw_compression(rng, clean=0.35, worst_jpeg=25, worst_crf=37)
    look = Look(
        side=side,
        resolved=side,
        halo=0.0,
        mix=draw_mix(rng),
        negative=bool(rng.random() < 0.06),
        gain=np.asarray(rng.uniform(0.7, 1.3) * (1.0 + tint), np.float32),
        offset=float(rng.normal(0.0, 12.0)),
        gamma=float(np.exp(rng.normal(0.0, 0.18))),
        jpeg_quality=jpeg_quality,
        crf=crf,
        noise=0.0 if rng.random() < 0.5 else float(rng.uniform(0.0, 7.0)),
        blur=0.0 if rng.random() < 0.5 else float(rng.uniform(0.0, 0.016)),
    )
    if not broadcast:
        return look
    soft = 1.0 if rng.random() < 0.5 else rng.uniform(0.55, 1.0)
    halo = 0.0 if rng.random() < 0.6 else float(rng.uniform(0.3, 1.8))
    return replace(look, resolved=min(side, max(smallest, round(side * soft))), halo=halo)


def draw_compression(rng: Rng, clean: float, worst_jpeg: int, worst_crf: int) -> tuple[int, int]:
    """Draw how a picture is compressed: most as video, some as a photo, none as both.

    Args:
        rng: source of chance.
        clean: share that is not compressed at all.
        worst_jpeg: least quality of JPEG.
        worst_crf: greatest rate factor of H.264.

    Returns:
        `jpeg_quality` and `crf` of a look.
    """
    if rng.random() < clean:
        return 100, 0
    if rng.random() < _PHOTO_SHARE:
        return int(rng.integers(worst_jpeg, 92)), 0
    return 100, int(rng.integers(_BEST_CRF, worst_crf + 1))


def draw_mix(rng: Rng) -> FloatArray:
    """Draw a colour mixture that makes another kit of a shirt: half of the time none.

    Channels change places, hues turn about the grey axis, or the picture fades towards grey.

    >>> draw_mix(np.random.default_rng(0)).shape
    (3, 3)

    Args:
        rng: source of chance.

    Returns:
        float32 (3, 3); every row sums to 1, so that grey stays grey.
    """
    kind, identity = rng.random(), np.eye(3)
    if kind < 0.5:
        mix = identity
    elif kind < 0.7:
        mix = identity[rng.permutation(3)]
    elif kind < 0.9:
        angle = rng.uniform(0.0, 2.0 * np.pi)
        cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3.0)
        mix = np.cos(angle) * identity + np.sin(angle) * cross + (1.0 - np.cos(angle)) / 3.0
    else:
        share = rng.uniform(0.4, 1.0)
        mix = (1.0 - share) * identity + share * np.array([0.299, 0.587, 0.114])
    return np.asarray(mix, np.float32)


def draw_broadcast_look(rng: Rng, smallest: int = 14, largest: int = 90) -> Look:
    """Draw the conditions of one window; most of them are as mild as on most broadcasts. See `draw_look`."""
    look = draw_look(rng, smallest, largest)
    return calm(rng, look) if rng.random() < _CALM_SHARE else look


def calm(rng: Rng, look: Look) -> Look:
    """The same distance and blur under mild light: colours mostly as they are, little noise, no strong compression."""
    tint = rng.normal(0.0, 0.03, 3)
    jpeg_quality, crf = draw_compression(rng, clean=0.4, worst_jpeg=40, worst_crf=33)
    return replace(
        look,
        mix=look.mix if rng.random() < 0.3 else np.eye(3, dtype=np.float32),
        negative=False,
        gain=np.asarray(rng.uniform(0.8, 1.2) * (1.0 + tint), np.float32),
        offset=float(rng.normal(0.0, 8.0)),
        noise=0.0 if rng.random() < 0.8 else float(rng.uniform(0.0, 3.0)),
        jpeg_quality=jpeg_quality,
        crf=crf,
        resolved=max(look.resolved, round(_CALM_SHARPNESS * look.side)),
    )


def expose(image: UInt8Image, look: Look) -> UInt8Image:
    """Apply colour mixture, gain, offset and tone curve of a look."""
    if not np.array_equal(look.mix, np.eye(3)):
        image = np.asarray(cv2.transform(image, look.mix), np.uint8)
    levels = np.arange(256, dtype=np.float32) / 255.0
    curve = np.power(levels, look.gamma)[:, None] * look.gain[None, :] * 255.0 + look.offset
    curve = 255.0 - curve if look.negative else curve
    table = np.clip(curve, 0, 255).astype(np.uint8)[:, None, :]
    return np.asarray(cv2.LUT(image, np.ascontiguousarray(table.transpose(1, 0, 2))), np.uint8)
