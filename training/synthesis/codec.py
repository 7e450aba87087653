"""What compression leaves of a picture; pure functions of a random generator."""

import io

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext

from pipeline.types import UInt8Image
from training.synthesis.looks import Rng

_MARGIN = 16
"""Pixels of the picture's stretched border round it, from which it moves in: a macroblock."""
_FEWEST, _MOST = 2, 7
"""Frames until the one that is shown."""
_SPEED = 1.2
"""Standard deviation of the movement along each axis, pixels per frame."""
_WOBBLE = 0.015
"""Standard deviation of turn, shear and stretch in each frame, as shares."""
_FAST = {
    "preset": "veryfast",
    "threads": "1",
    "x264-params": "scenecut=0:keyint=250:bframes=0:rc-lookahead=0:sync-lookahead=0",
}


def as_jpeg(image: UInt8Image, quality: int) -> UInt8Image:
    """Encode and decode as JPEG with 4:2:0 chroma.

    Args:
        image: uint8 (h, w, 3).
        quality: 1 to 99; 100 leaves the picture as it is.
    """
    if quality >= 100:
        return image
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def as_h264(rng: Rng, image: UInt8Image, crf: int) -> UInt8Image:
    """Encode and decode as the last of a few frames of H.264 in which the picture moves and wobbles.

    Args:
        rng: source of chance, for how many frames and how it moves.
        image: square picture, uint8 (s, s, 3) RGB.
        crf: x264's constant rate factor, 1 to 51, greater is worse; 0 leaves the picture as it is.
    """
    if crf <= 0:
        return image
    side = image.shape[0]
    canvas = -(-(side + 2 * _MARGIN) // 16) * 16
    start = (canvas - side) // 2
    count = int(rng.integers(_FEWEST, _MOST + 1))
    speed = rng.normal(0.0, _SPEED, 2)
    frames = []
    for before in range(count - 1, -1, -1):
        turn = np.eye(2) + (rng.normal(0.0, _WOBBLE, (2, 2)) if before else 0.0)
        affine = np.concatenate([turn, (start - before * speed)[:, None]], axis=1).astype(np.float32)
        frames.append(cv2.warpAffine(image, affine, (canvas, canvas), borderMode=cv2.BORDER_REPLICATE))
    shown = _last_decoded(_encoded([np.asarray(frame, np.uint8) for frame in frames], crf))
    return shown[start : start + side, start : start + side].copy()


def _encoded(frames: list[UInt8Image], crf: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="h264") as output:
        stream = output.add_stream("libx264", rate=25, options={**_FAST, "crf": str(crf)})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        output.mux(stream.encode())
    return buffer.getvalue()


def _last_decoded(data: bytes) -> UInt8Image:
    decoder = VideoCodecContext.create("h264", "r")
    decoder.thread_count = 1
    packets = [*decoder.parse(data), *decoder.parse(None), None]
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    return np.asarray(frames[-1].to_ndarray(format="rgb24"), np.uint8)
