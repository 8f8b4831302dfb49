"""A cluttered scene: things that overlap on a textured ground, under uneven light, before a noisy camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from data_prep.det.things import CLASSES, DISTRACTORS, Sprite, coverage_of, digit_images, paint, pattern, random_colour
from data_prep.noise import grain_of, noise_tile

FINER = 2  # things are painted this much larger than the picture
REFERENCE = 160  # side of a picture for which lengths below are in pixels
SIDES = 12, 60  # of the square that a thing fits into
COUNTS = 4, 14  # things to find, before those are taken out that are hidden
DISTRACTOR_COUNTS = 0, 4
SMALLEST_VISIBLE = 0.3  # of a thing's area; what is hidden more is taken out of the scene
SMALLEST_BOX = 6  # sides
_CROWDED = 0.45  # of the things are put beside an earlier one


@dataclass(frozen=True)
class Sample:
    """A generated picture.

    Attributes:
        image: uint8 ``[S, S, 3]``, RGB.
        boxes: int64 ``[n, 4]``, x1 y1 x2 y2 of what can be seen of each thing, right and lower edge exclusive.
        labels: int64 ``[n]``, places in `data_prep.det.things.CLASSES`.
        quality: of JPEG.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    quality: int


class Place(NamedTuple):
    """A thing in the scene: its kind, and the corner and coverage of its square on the finer canvas."""

    kind: str
    corner: tuple[int, int]
    coverage: np.ndarray


def draw_sample(rng: Generator, size: int, part: str) -> Sample:
    """A random scene.

    Args:
        rng: of everything.
        size: side of the picture, pixels.
        part: ``'train'``, ``'val'`` or ``'test'``, each with handwriting of its own.
    """
    tile, light = noise_tile(rng, 256, rng.uniform(0.6, 1.4)), rng.uniform(0, 360)
    places = _places(rng, size, digit_images(part))
    kept, boxes = visible(places, size)
    side = size * FINER
    canvas = cv2.resize(_ground(rng, size, tile), (side, side), interpolation=cv2.INTER_LINEAR)
    for place in kept:
        _put(rng, canvas, place, tile, light)
    image = _photograph(rng, canvas, size, tile)
    labelled = [CLASSES.index(place.kind) for place in kept if place.kind in CLASSES]
    return Sample(image, boxes, np.array(labelled, np.int64), int(rng.integers(80, 96)))


def _places(rng: Generator, size: int, digits: np.ndarray) -> list[Place]:
    """Things from the lowest to the uppermost."""
    scale = size / REFERENCE * FINER
    wanted = [CLASSES[rng.integers(len(CLASSES))] for _ in range(rng.integers(COUNTS[0], COUNTS[1] + 1))]
    for _ in range(rng.integers(DISTRACTOR_COUNTS[0], DISTRACTOR_COUNTS[1] + 1)):
        wanted.insert(rng.integers(len(wanted) + 1), DISTRACTORS[rng.integers(len(DISTRACTORS))])
    places, middles = [], []
    for kind in wanted:
        side = np.exp(rng.uniform(*np.log(SIDES))) * scale
        middle = rng.uniform(0.04, 0.96, 2) * size * FINER
        if middles and rng.random() < _CROWDED:
            near, other = middles[rng.integers(len(middles))]
            angle, distance = rng.uniform(0, 2 * np.pi), (side + other) / 2 * rng.uniform(0.45, 0.95)
            middle = np.clip(near + distance * np.array([np.cos(angle), np.sin(angle)]), 0, size * FINER)
        middles.append((middle, side))
        pixels = round(side)
        corner = np.rint(middle - pixels / 2).astype(int)
        places.append(Place(kind, (int(corner[0]), int(corner[1])), coverage_of(rng, kind, pixels, digits)))
    return places


def visible(places: list[Place], size: int) -> tuple[list[Place], np.ndarray]:
    """The things that stay in a scene, and the boxes of what can be seen of those that are of a class.

    A thing is taken out where others, or the picture's frame, hide more than `SMALLEST_VISIBLE` leaves of it, or where
    the box of what can be seen has a side below `SMALLEST_BOX`. What was beneath it is then seen.

    Args:
        places: from the lowest to the uppermost.
        size: side of the picture, pixels.

    Returns:
        Places in their order, and int64 ``[n, 4]``.
    """
    free = np.ones((size * FINER, size * FINER), np.float32)
    kept, boxes = [], []
    for place in reversed(places):
        window, inside = _window(place, size)
        covered = place.coverage[inside]
        seen = np.zeros_like(free)
        seen[window] = covered * free[window]
        if place.kind in CLASSES:
            # A pixel belongs to what covers a quarter of it.
            pixels = cv2.resize(seen, (size, size), interpolation=cv2.INTER_AREA) >= 0.25
            box = _box(pixels)
            smallest = SMALLEST_BOX * size / REFERENCE
            if seen.sum() < SMALLEST_VISIBLE * place.coverage.sum() or min(box[2:] - box[:2]) < smallest:
                continue
            boxes.append(box)
        free[window] *= 1 - covered
        kept.append(place)
    return kept[::-1], np.array(boxes[::-1], np.int64).reshape(-1, 4)


def _window(place: Place, size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where on the canvas a thing is, and which part of it that is."""
    window, inside = [], []
    for start in place.corner[::-1]:
        side = len(place.coverage)
        first, last = max(start, 0), max(min(start + side, size * FINER), 0)
        window.append(slice(first, last))
        inside.append(slice(first - start, last - start))
    return tuple(window), tuple(inside)


def _box(pixels: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return np.zeros(4, np.int64)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def _ground(rng: Generator, side: int, tile: np.ndarray) -> np.ndarray:
    """A textured surface with patches of other surfaces, float32 ``[side, side, 3]``."""

    def surface() -> np.ndarray:
        colour = random_colour(rng, (0.0, 0.5))
        other = (colour + rng.normal(0, 28, 3)).astype(np.float32)
        kind = rng.choice(["clouds", "stripes", "checks", "dots", "gradient"], p=[0.45, 0.2, 0.1, 0.1, 0.15])
        mixed = pattern(rng, kind, side, tile)[..., None] * rng.uniform(0.3, 1)
        return colour * (1 - mixed) + other * mixed

    canvas = surface()
    for _ in range(rng.integers(0, 4)):
        # Bounded by contour lines, for a patch with straight sides would be a triangle or rectangle without a label.
        hills = rng.standard_normal(rng.integers(2, 5, 2)).astype(np.float32)
        height = cv2.resize(hills, (side, side), interpolation=cv2.INTER_CUBIC)
        canvas = np.where(height[..., None] > rng.uniform(0.2, 0.9), 0.3 * canvas + 0.7 * surface(), canvas)
    for _ in range(rng.integers(0, 7)):
        ends = (rng.uniform(-0.1, 1.1, (2, 2)) * side).astype(int).tolist()
        cv2.line(canvas, *ends, random_colour(rng, (0.0, 0.6)).tolist(), int(rng.integers(1, 3)), cv2.LINE_AA)
    canvas = canvas * (1 + rng.uniform(0.02, 0.12) * grain_of(rng, (side, side), tile))
    return np.clip(canvas, 0, 255).astype(np.float32)


def _put(rng: Generator, canvas: np.ndarray, place: Place, tile: np.ndarray, light: float) -> None:
    """Paint a thing on the canvas, with the shadow that it casts."""
    size = len(canvas) // FINER
    window, inside = _window(place, size)
    beneath = canvas[window].reshape(-1, 3).mean(axis=0)
    sprite = paint(rng, place.coverage, beneath, tile, light)
    away = rng.uniform(0.02, 0.08) * len(place.coverage)
    step = np.rint(-away * np.array([np.cos(np.radians(light)), np.sin(np.radians(light))])).astype(int)
    shadow = Place(place.kind, (place.corner[0] + int(step[0]), place.corner[1] + int(step[1])), place.coverage)
    shaded, part = _window(shadow, size)
    soft = cv2.GaussianBlur(place.coverage, (0, 0), 0.03 * len(place.coverage) + 0.5)
    canvas[shaded] *= 1 - rng.uniform(0.1, 0.45) * soft[part][..., None]
    _blend(canvas, sprite, window, inside)


def _blend(canvas: np.ndarray, sprite: Sprite, window: tuple[slice, slice], inside: tuple[slice, slice]) -> None:
    coverage = sprite.coverage[inside][..., None]
    canvas[window] = canvas[window] * (1 - coverage) + sprite.colours[inside] * coverage


def _photograph(rng: Generator, canvas: np.ndarray, size: int, tile: np.ndarray) -> np.ndarray:
    """What a camera makes of the canvas under uneven light, uint8 ``[size, size, 3]``."""
    picture = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    corners = rng.uniform(0.55, 1.2, (2, 2)).astype(np.float32)
    field = cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR)[..., None]
    shadows = grain_of(rng, (size, size), tile, 3.0)
    tint = rng.uniform(0.92, 1.08, 3).astype(np.float32)
    picture = picture * field * tint * (1 + 0.05 * shadows)
    blur = rng.uniform(0, 0.8) * size / REFERENCE
    if blur > 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    picture = picture + rng.uniform(2, 10) * rng.standard_normal(picture.shape, np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)
