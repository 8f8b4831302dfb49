"""What surrounds a generated face: backgrounds, things in front of it, and the camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

_SKIN = np.array([200.0, 150, 120])


def background(rng: Generator, side: int) -> np.ndarray:
    """A cluttered square without a face, uint8 ``[side, side, 3]``."""
    small = side // 2
    kind = rng.choice(["plain", "clouds", "stripes", "shapes"], p=[0.15, 0.3, 0.15, 0.4])
    picture = _gradient(rng, small)
    if kind == "clouds":
        for cells in (3, 7, 18, 40):
            noise = rng.normal(0, 90 / cells**0.5, (cells, cells, 3 if rng.random() < 0.5 else 1)).astype(np.float32)
            picture += cv2.resize(noise, (small, small), interpolation=cv2.INTER_CUBIC).reshape(small, small, -1)
    elif kind == "stripes":
        rows, columns = np.mgrid[0:small, 0:small] * (rng.uniform(10, 90) / small)
        angle = rng.uniform(0, np.pi)
        wave = np.sin(columns * np.cos(angle) + rows * np.sin(angle))
        if rng.random() < 0.4:
            wave = wave * np.sin(rows * np.cos(angle) - columns * np.sin(angle))
        wave = np.sign(wave) if rng.random() < 0.5 else wave
        picture += wave[..., None] * rng.normal(0, 45, 3)
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    if kind == "shapes" or rng.random() < 0.3:
        _clutter(rng, picture)
    # Few places are as gaudy as random colours.
    grey = picture.mean(axis=2, keepdims=True)
    picture = (grey + rng.uniform(0.1, 0.8) * (picture - grey)).astype(np.uint8)
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), small / 128 * rng.uniform(0.5, 4))
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)


def _gradient(rng: Generator, side: int) -> np.ndarray:
    corners = rng.uniform(10, 245, 3) + rng.normal(0, 40, (2, 2, 3))
    return cv2.resize(corners.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)


def _clutter(rng: Generator, picture: np.ndarray) -> None:
    """Discs, boxes, lines and triangles; some have the colour of skin."""
    side = len(picture)
    for _ in range(rng.integers(4, 22)):
        colour = (_SKIN * rng.uniform(0.4, 1.2) if rng.random() < 0.2 else rng.uniform(0, 255, 3)).tolist()
        first, second = rng.integers(-side // 8, side + side // 8, (2, 2)).tolist()
        kind = rng.integers(4)
        if kind == 0:
            axes = rng.integers(side // 40 + 1, side // 4, 2).tolist()
            cv2.ellipse(picture, first, axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(picture, first, second, colour, -1 if rng.random() < 0.6 else max(1, side // 60))
        elif kind == 2:
            cv2.line(picture, first, second, colour, int(rng.integers(1, side // 16 + 2)), cv2.LINE_AA)
        else:
            third = rng.integers(0, side, 2).tolist()
            cv2.fillPoly(picture, [np.array([first, second, third])], colour, cv2.LINE_AA)


def occlude(rng: Generator, canvas: np.ndarray, points: np.ndarray, unit: float) -> np.ndarray:
    """Put a hand or a board in front of a part of a face.

    Args:
        rng: what to put and where.
        canvas: uint8 ``[H, W, 3]``, changed in place.
        points: of the face, in pixels of the canvas, ``[n, 2]``.
        unit: pixels for each cm.

    Returns:
        Which of the points are hidden, bool ``[n]``.
    """
    mask = np.zeros(canvas.shape[:2], np.uint8)
    target = points[rng.integers(len(points))]
    if rng.random() < 0.5:
        _hand(rng, canvas, mask, target, unit)
    else:
        _board(rng, canvas, mask, target, unit)
    x, y = np.rint(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    return inside & (mask[y.clip(0, mask.shape[0] - 1), x.clip(0, mask.shape[1] - 1)] > 0)


def _hand(rng: Generator, canvas: np.ndarray, mask: np.ndarray, target: np.ndarray, unit: float) -> None:
    """Four fingers and a palm, whose finger tips are at the target; it comes from below or from a side."""
    angle = rng.uniform(-0.2, 1.2) * np.pi
    along = np.array([np.cos(angle), np.sin(angle)])
    aside = np.array([-along[1], along[0]])
    colour = _SKIN * rng.uniform(0.35, 1.2)
    spread = rng.uniform(2.0, 2.9)
    palm = target + along * 8.5 * unit

    def stroke(first: np.ndarray, second: np.ndarray, width: float, tone: float) -> None:
        ends = np.rint([first, second]).astype(int).tolist()
        cv2.line(canvas, *ends, np.clip(colour * tone, 0, 255).tolist(), max(1, round(width * unit)), cv2.LINE_AA)
        cv2.line(mask, *ends, 1, max(1, round(width * unit)))

    stroke(palm, palm + along * 14 * unit, 6.5, 0.92)
    for finger in range(4):
        offset = finger - 1.5
        tip = target + aside * offset * spread * unit + along * (0.5 * offset**2 + rng.uniform(0, 0.7)) * unit
        stroke(tip, palm + aside * offset * 1.6 * unit, 1.9, 0.8)
        stroke(tip, palm + aside * offset * 1.6 * unit, 1.6, 1.0)


def _board(rng: Generator, canvas: np.ndarray, mask: np.ndarray, target: np.ndarray, unit: float) -> None:
    """A turned rectangle, plain or striped, one of whose corners or sides reaches the target."""
    half = rng.uniform(1.5, 5.5, 2) * unit
    angle = rng.uniform(0, 180)
    middle = target + rng.uniform(-1, 1, 2) * half
    corners = cv2.boxPoints((middle.tolist(), (2 * half).tolist(), angle))
    colour = rng.uniform(5, 245, 3)
    cv2.fillPoly(canvas, [np.rint(corners).astype(np.int32)], colour.tolist(), cv2.LINE_AA)
    cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 1)
    if rng.random() < 0.5:
        for share in np.linspace(0.1, 0.9, int(rng.integers(2, 6))):
            ends = corners[0] + share * (corners[1] - corners[0]), corners[3] + share * (corners[2] - corners[3])
            line = np.rint(ends).astype(int).tolist()
            cv2.line(canvas, *line, (255 - colour).tolist(), max(1, round(0.3 * unit)), cv2.LINE_AA)


@dataclass(frozen=True)
class Camera:
    """What a camera makes of the light.

    Attributes:
        blur: standard deviation of its blur, shares of the picture's side.
        motion: length of its shake, shares of the picture's side.
        direction: of the shake, radians.
        gain: brightness, a factor.
        gamma: tone curve.
        colour: factors on red, green and blue.
        noise: standard deviation, grey levels.
        grey: whether the picture is without colour.
        quality: of JPEG.
    """

    blur: float
    motion: float
    direction: float
    gain: float
    gamma: float
    colour: np.ndarray
    noise: float
    grey: bool
    quality: int

    @classmethod
    def sample(cls, rng: Generator) -> Camera:
        """A random camera; one picture in five is blurred, one in ten shaken, one in eight dark and noisy."""
        dark = rng.random() < 0.13
        return cls(
            blur=rng.uniform(0.006, 0.02) if rng.random() < 0.2 else rng.uniform(0, 0.005),
            motion=rng.uniform(0.02, 0.07) if rng.random() < 0.1 else 0.0,
            direction=rng.uniform(0, np.pi),
            gain=rng.uniform(0.22, 0.45) if dark else rng.uniform(0.7, 1.15),
            gamma=rng.uniform(0.8, 1.25),
            colour=1 + rng.normal(0, 0.05, 3),
            noise=rng.uniform(5, 16) if dark else rng.choice([rng.uniform(1, 6), rng.uniform(5, 20)], p=[0.8, 0.2]),
            grey=bool(rng.random() < 0.08),
            quality=int(rng.integers(30, 96)),
        )

    @property
    def is_blurred(self) -> bool:
        """Whether the blur or the shake is above that of a good picture."""
        return self.blur > 0.005 or self.motion > 0

    @property
    def is_dark(self) -> bool:
        """Whether there is little light."""
        return self.gain < 0.5

    def expose(self, picture: np.ndarray, rng: Generator) -> np.ndarray:
        """From light to a picture, both uint8 ``[H, W, 3]``."""
        side = max(picture.shape[:2])
        table = 255 * np.clip(np.arange(256)[:, None] / 255 * self.gain * self.colour, 0, 1) ** self.gamma
        light = cv2.LUT(picture, table.astype(np.float32).reshape(1, 256, 3))
        if self.blur * side > 0.3:
            light = cv2.GaussianBlur(light, (0, 0), self.blur * side)
        if self.motion:
            light = cv2.filter2D(light, -1, self._shake(side))
        if self.grey:
            light = cv2.cvtColor(cv2.cvtColor(light, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        light += rng.standard_normal(light.shape, np.float32) * np.float32(self.noise)
        return np.clip(light, 0, 255).astype(np.uint8)

    def _shake(self, side: int) -> np.ndarray:
        """A line as a filter, odd and square, whose sum is 1."""
        reach = max(1, round(self.motion * side / 2))
        kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
        end = np.rint(reach * np.array([np.cos(self.direction), np.sin(self.direction)])).astype(int)
        cv2.line(kernel, (reach - end).tolist(), (reach + end).tolist(), 1)
        return kernel / kernel.sum()
