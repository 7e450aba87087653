"""The camera: where it stands, what it follows, and where a point of the pitch falls in the picture."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class View:
    """The camera at one moment."""

    position: Floats
    """float64 (3,), metres."""
    target: Floats
    """float64 (3,), the point in the middle of the picture, metres."""
    field: float
    """Vertical angle of view, radians."""
    width: int
    height: int
    """Picture size in pixels."""

    @property
    def axes(self) -> Floats:
        """Right, up and backward of the camera as columns (3, 3)."""
        back = self.position - self.target
        back = back / np.linalg.norm(back)
        right = np.cross([0.0, 0.0, 1.0], back)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(back, right), back], axis=1)

    @property
    def focal_pixels(self) -> float:
        """Distance of the picture plane in pixels."""
        return 0.5 * self.height / math.tan(0.5 * self.field)

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Pixels (N, 2) and distance along the optical axis (N,) in metres of points (N, 3)."""
        local = (points - self.position) @ self.axes
        depth = np.maximum(-local[:, 2], 1e-6)
        x = 0.5 * self.width + self.focal_pixels * local[:, 0] / depth
        y = 0.5 * self.height - self.focal_pixels * local[:, 1] / depth
        return np.stack([x, y], axis=1), -local[:, 2]
