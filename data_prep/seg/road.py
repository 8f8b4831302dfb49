"""The road of the synthetic street, with what lies beside it, and the ride of the camera along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.palettes import CAMVID_CLASSES, CAMVID_VOID
from data_prep.seg.scene import Camera

LABEL = {name: value for value, name in enumerate(CAMVID_CLASSES)}


@dataclass
class Ground:
    """Road with markings, pavements, verges and side streets on the plane ``y = 0``.

    Args:
        bend: amplitude (metres), wave length (metres) and phase of the road's sideways swing.
        half_road: from the middle to the kerb, metres.
        pavement: width of the pavement, metres.
        strip: width of the unlabelled strip behind it, metres.
        verge: label of the ground behind, left and right.
        crossings: start and end of each side street along z, metres.
        colours: RGB of road, pavement, strip, left and right verge, float32 ``[5, 3]``.
        shadow: distance from the middle, signed, behind which the ground lies in the shade of the houses.
        noise: tile of noise, one of them smooth, ``[2, 256, 256]``.
    """

    bend: tuple[float, float, float]
    half_road: float
    pavement: float
    strip: float
    verge: tuple[int, int]
    crossings: list[tuple[float, float]]
    colours: np.ndarray
    shadow: float
    noise: np.ndarray

    def middle(self, z: np.ndarray | float) -> np.ndarray | float:
        """x of the road's middle at ``z``, metres."""
        amplitude, length, phase = self.bend
        return amplitude * np.sin(z * (2 * np.pi / length) + phase)

    def heading(self, z: float) -> float:
        """Direction of the road at ``z``, radians to the right of the z axis."""
        amplitude, length, phase = self.bend
        slope = amplitude * 2 * np.pi / length * np.cos(2 * np.pi * z / length + phase)
        return float(np.arctan(slope))

    def at(self, lateral: float, z: float, height: float = 0.0) -> np.ndarray:
        """World point ``lateral`` metres to the right of the middle and ``height`` metres up."""
        return np.array([self.middle(z) + lateral, -height, z])

    def __call__(self, x: np.ndarray, z: np.ndarray, inverse_depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Colour and label of ground points (see `Scene`)."""
        lateral = x - self.middle(z)
        away = np.abs(lateral)
        edge = self.half_road + self.pavement
        material = (away >= self.half_road).astype(np.uint8) + (away >= edge) + (away >= edge + self.strip)
        material += (material == 3) & (lateral > 0)
        for start, end in self.crossings:
            material[(z > start) & (z < end)] = 0
        labels = np.array([LABEL["Road"], LABEL["Pavement"], CAMVID_VOID, *self.verge], np.uint8)
        rgb = self.colours[material]
        road = material == 0
        rgb[road & self._marking(lateral, away, z)] = self.colours[0] + 85
        rgb[(material == 1) & (away < self.half_road + 0.18)] *= 1.18
        joints = (material == 1) & ((z * 1.25 % 1 < 0.08) | (away * 1.6 % 1 < 0.08)) & (inverse_depth > 0.07)
        rgb[joints] *= 0.82
        return rgb * self._shading(x, z, lateral, inverse_depth)[:, None], labels[material]

    def _marking(self, lateral: np.ndarray, away: np.ndarray, z: np.ndarray) -> np.ndarray:
        marks = (away < 0.09) & (z % 7 < 3)
        marks |= np.abs(away - self.half_road + 0.35) < 0.06
        for start, end in self.crossings:
            marks &= (z < start - 3.6) | (z > end)
            marks |= (z > start - 3.2) & (z < start - 0.4) & (lateral % 1.0 < 0.5) & (away < self.half_road)
        return marks

    def _shading(self, x: np.ndarray, z: np.ndarray, lateral: np.ndarray, inverse_depth: np.ndarray) -> np.ndarray:
        fine = self.noise[0][(x * 14).astype(np.int32) & 255, (z * 14).astype(np.int32) & 255]
        coarse = self.noise[1][(x * 3).astype(np.int32) & 255, (z * 1.5).astype(np.int32) & 255]
        shade = 1 + 0.10 * fine * np.minimum(inverse_depth * 10, 1) + 0.09 * coarse
        side = lateral - self.shadow if self.shadow > 0 else self.shadow - lateral
        shade[side + 0.8 * coarse > 0] *= 0.58
        return shade


@dataclass
class Ride:
    """Path of the camera: along the left lane with a slight sway of its direction.

    Args:
        ground: the road it follows.
        start: z of frame 0, metres.
        speed: metres per frame.
        lateral: offset from the road's middle, metres.
        eye: height above the road, metres.
        sway: amplitude (radians) and phase of yaw, pitch and roll, ``[3, 2]``.
        size: ``(width, height)`` in pixels.
    """

    ground: Ground
    start: float
    speed: float
    lateral: float
    eye: float
    sway: np.ndarray
    size: tuple[int, int]

    def camera(self, time: float) -> Camera:
        """The camera at ``time``, in frames."""
        width, height = self.size
        focal = 1.05 * width
        intrinsics = np.array([[focal, 0, (width - 1) / 2], [0, focal, 0.46 * (height - 1)], [0, 0, 1.0]])
        z = self.start + self.speed * time
        shake = self.sway[:, 0] * np.sin(np.array([0.35, 1.1, 0.8]) * time + self.sway[:, 1])
        yaw, pitch, roll = shake + np.array([self.ground.heading(z + 4), 0, 0])
        bob = 0.02 * np.sin(0.9 * time + self.sway[1, 1])
        return Camera(
            intrinsics, _rotation(yaw, pitch, roll), self.ground.at(self.lateral, z, self.eye + bob), self.size
        )


def _rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """World to camera: first turn to the right by yaw, then look up by pitch, then tilt by roll (radians)."""
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw, pitch, roll))
    turn = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    look = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    tilt = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return tilt @ look @ turn
