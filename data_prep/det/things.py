"""Things of the generated scenes: handwritten digits, five kinds of textured shapes, and shapes that are no class.

Colours and textures are drawn alike for all kinds: only the outline tells what a thing is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from sklearn.datasets import load_digits

from data_prep.noise import grain_of

CLASSES = ("digit", "disc", "triangle", "rectangle", "ring", "star")
# Unlabelled, so that not everything with an outline is a thing to find.
DISTRACTORS = ("cross", "crescent", "bar")
# Shares of scikit-learn's digits: none is in two parts.
_DIGIT_SHARES = {"train": (0.0, 0.6), "val": (0.6, 0.75), "test": (0.75, 1.0)}
_PATTERNS = ("plain", "gradient", "stripes", "checks", "dots", "clouds")
_DETAIL = 4  # outlines are drawn this much larger than they are used


@dataclass(frozen=True, eq=False)
class Sprite:
    """A painted thing: colours float32 ``[h, w, 3]`` (0..255) and coverage float32 ``[h, w]`` (0..1)."""

    colours: np.ndarray
    coverage: np.ndarray


@cache
def digit_images(part: str) -> np.ndarray:
    """Handwritten digits 1 to 9 of scikit-learn's set for a part, float32 ``[n, 8, 8]`` in 0..1, white ink on black."""
    digits = load_digits()
    images = digits.images[digits.target > 0].astype(np.float32) / 16  # a nought is a ring
    # RandomState's stream is frozen for good; a Generator's may change with NumPy's version.
    order = np.random.RandomState(0).permutation(len(images))
    first, last = (round(share * len(images)) for share in _DIGIT_SHARES[part])
    return images[order[first:last]]


def coverage_of(rng: Generator, kind: str, side: int, digits: np.ndarray) -> np.ndarray:
    """A thing in a random turn and shape; what it covers of a square, float32 ``[side, side]`` in 0..1.

    Args:
        rng: of turn and shape.
        kind: one of `CLASSES` or `DISTRACTORS`.
        side: of the square that the thing fits into, pixels.
        digits: to choose from, ``[n, 8, 8]``.
    """
    if kind == "digit":
        return _digit(digits[rng.integers(len(digits))], rng.uniform(-25, 25), side)
    large = np.zeros((side * _DETAIL, side * _DETAIL), np.uint8)
    for points, value in _outlines(rng, kind):
        corners = (points * (0.49 * len(large)) + len(large) / 2).round().astype(np.int32)
        cv2.fillPoly(large, [corners], value)
    return cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _digit(image: np.ndarray, angle: float, side: int) -> np.ndarray:
    rows, columns = (np.flatnonzero((image > 0.25).any(axis=axis)) for axis in (1, 0))
    ink = np.pad(image, 1)[rows[0] : rows[-1] + 3, columns[0] : columns[-1] + 3]
    large = side * _DETAIL
    # Seen from its middle, the inked rectangle turned by the angle fills the square.
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    height, width = np.array(ink.shape) - 1.0
    scale = large / max(abs(width * cosine) + abs(height * sine), abs(width * sine) + abs(height * cosine))
    middle = (np.array(ink.shape[::-1]) - 1) / 2
    turn = scale * np.array([[cosine, -sine], [sine, cosine]])
    matrix = np.column_stack([turn, large / 2 - turn @ middle])
    turned = cv2.warpAffine(ink, matrix, (large, large), flags=cv2.INTER_CUBIC)
    # Ink and paper part at half of the blackness, with an edge about as soft as a drawn one.
    sharp = np.clip((turned - 0.42) * 6, 0, 1)
    return cv2.resize(sharp, (side, side), interpolation=cv2.INTER_AREA)


def _outlines(rng: Generator, kind: str) -> list[tuple[np.ndarray, int]]:
    """Polygons within -1..1 and what they fill in: 255, or 0 for a hole."""
    turn = rng.uniform(0, 360)
    if kind == "disc":
        return [(_ellipse(1, rng.uniform(0.75, 1), turn), 255)]
    if kind == "ring":
        outer, inner = _ellipse(1, rng.uniform(0.75, 1), turn), rng.uniform(0.5, 0.72)
        return [(outer, 255), (outer * inner, 0)]
    if kind == "crescent":
        bite = _ellipse(0.9, 0.9, 0) + 0.6 * _direction(turn)
        return [(_ellipse(1, 1, 0), 255), (bite, 0)]
    if kind == "star":
        angles = turn + np.arange(10) * 36
        radii = np.where(np.arange(10) % 2, rng.uniform(0.4, 0.52), 1.0)
        return [(_direction(angles) * radii[:, None], 255)]
    if kind == "triangle":
        return [(_direction(turn + np.array([0, 120, 240]) + rng.uniform(-18, 18, 3)), 255)]
    if kind == "cross":
        arm = rng.uniform(0.2, 0.32)
        return [(_rectangle(arm, turn), 255), (_rectangle(arm, turn + 90), 255)]
    return [(_rectangle(rng.uniform(0.55, 1) if kind == "rectangle" else rng.uniform(0.1, 0.18), turn), 255)]


def _direction(angle: float | np.ndarray) -> np.ndarray:
    """Unit vectors, ``[..., 2]``, of angles in degrees."""
    return np.stack([np.cos(np.radians(angle)), np.sin(np.radians(angle))], axis=-1)


def _ellipse(long: float, short: float, turn: float) -> np.ndarray:
    circle = _direction(np.arange(0, 360, 6)) * (long, short)
    return circle @ np.stack([_direction(turn), _direction(turn + 90)])


def _rectangle(aspect: float, turn: float) -> np.ndarray:
    """Corners on the unit circle; ``aspect`` is the shorter side by the longer one."""
    corners = np.array([[1, aspect], [-1, aspect], [-1, -aspect], [1, -aspect]]) / np.hypot(1, aspect)
    return corners @ np.stack([_direction(turn), _direction(turn + 90)])


def random_colour(rng: Generator, saturation: tuple[float, float]) -> np.ndarray:
    """An RGB colour, float32 ``[3]`` in 0..255, of any hue and brightness."""
    hue, value = rng.uniform(0, 180), rng.uniform(45, 240)
    pixel = np.array([[[hue, 255 * rng.uniform(*saturation), value]]], np.uint8)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)


def paint(rng: Generator, coverage: np.ndarray, beneath: np.ndarray, tile: np.ndarray, light: float) -> Sprite:
    """Give a thing colours that stand out from what is beneath it, a pattern, grain and shade.

    Args:
        rng: of all this.
        coverage: of the thing, ``[h, w]``.
        beneath: mean colour of what it will hide, ``[3]``.
        tile: noise of `data_prep.noise.noise_tile`.
        light: angle that the light comes from, degrees.
    """
    side = len(coverage)
    colour = max((random_colour(rng, (0.1, 0.9)) for _ in range(3)), key=lambda found: np.abs(found - beneath).sum())
    other = (colour + rng.uniform(25, 80) * rng.choice([-1, 1]) + rng.normal(0, 15, 3)).astype(np.float32)
    mixed = pattern(rng, _PATTERNS[rng.integers(len(_PATTERNS))], side, tile)[..., None]
    colours = colour * (1 - mixed) + other * mixed
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    cosine, sine = _direction(light).tolist()
    shade = 1 + rng.uniform(0, 0.5) * (columns * cosine + rows * sine)
    colours = colours * shade[..., None] * (1 + 0.07 * grain_of(rng, (side, side), tile))
    return Sprite(np.clip(colours, 0, 255).astype(np.float32), coverage)


def pattern(rng: Generator, kind: str, side: int, tile: np.ndarray) -> np.ndarray:
    """How much of a second colour is where, float32 ``[side, side]`` in 0..1."""
    if kind == "plain":
        return np.zeros((side, side), np.float32)
    if kind == "clouds":
        return 1 / (1 + np.exp(-2.5 * grain_of(rng, (side, side), tile, rng.uniform(0.5, 2))[..., 0]))
    cosine, sine = _direction(rng.uniform(0, 180)).tolist()
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    along, across = columns * cosine + rows * sine, rows * cosine - columns * sine
    if kind == "gradient":
        return np.clip(along / side * 0.7 + 0.5, 0, 1)
    wave = 2 * np.pi / rng.uniform(7, 22)
    if kind == "stripes":
        return (np.sin(along * wave) > rng.uniform(-0.4, 0.4)).astype(np.float32)
    product = np.sin(along * wave) * np.sin(across * wave)
    return (product > 0 if kind == "checks" else np.abs(product) > 0.6).astype(np.float32)
