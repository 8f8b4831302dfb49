"""Painted surfaces of the synthetic street: every function returns a picture ``uint8 [h, w, 4]`` (RGB, alpha).

Colours of different classes overlap on purpose (grey cars, roads, poles and facades; brown fences, bricks and
coats): a network has to use shape and place, as it has to on real streets.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from data_prep.noise import grain_of

Colour = tuple[int, int, int]

BUILDING_COLOURS: tuple[Colour, ...] = (
    (150, 95, 75),
    (120, 110, 100),
    (185, 170, 145),
    (165, 165, 168),
    (110, 75, 62),
    (205, 200, 190),
    (92, 98, 108),
    (170, 140, 100),
)
CLOTH_COLOURS: tuple[Colour, ...] = (
    (40, 42, 55),
    (120, 40, 40),
    (60, 80, 120),
    (150, 140, 120),
    (90, 90, 92),
    (170, 165, 160),
    (95, 75, 55),
    (60, 90, 60),
)
CAR_COLOURS: tuple[Colour, ...] = (
    (55, 58, 64),
    (140, 142, 146),
    (200, 200, 202),
    (120, 30, 32),
    (40, 60, 110),
    (85, 95, 85),
    (155, 140, 115),
    (30, 30, 32),
)


def pick(rng: Generator, colours: tuple[Colour, ...]) -> np.ndarray:
    """One of the colours with a random shift, float32 ``[3]``."""
    colour = np.array(colours[rng.integers(len(colours))], np.float32)
    return np.clip(colour * rng.uniform(0.8, 1.2) + rng.normal(0, 10, 3), 8, 247).astype(np.float32)


def finish(rgb: np.ndarray, alpha: np.ndarray | None, rng: Generator, tile: np.ndarray, grain: float) -> np.ndarray:
    """Multiply noise into the colours and join them with the alpha channel (opaque where it is None)."""
    shape = rgb.shape[:2]
    rgb = rgb * (1 + grain * grain_of(rng, shape, tile) + 0.6 * grain * grain_of(rng, shape, tile, 4.0))
    if alpha is None:
        alpha = np.full(shape, 255, np.uint8)
    return np.dstack([np.clip(rgb, 0, 255).astype(np.uint8), alpha])


def facade(rng: Generator, tile: np.ndarray, width: float, height: float, ppm: float) -> np.ndarray:
    """House front of ``width x height`` metres at ``ppm`` pixels per metre: bricks, windows, shop at the foot."""
    h, w = round(height * ppm), round(width * ppm)
    wall = pick(rng, BUILDING_COLOURS)
    rgb = np.broadcast_to(wall, (h, w, 3)).copy()
    if rng.random() < 0.6:
        courses = (np.arange(h) % max(2, round(ppm * 0.35))) == 0
        rgb[courses] *= 0.88
    floor_height, window_step = rng.uniform(2.7, 3.6), rng.uniform(1.8, 3.2)
    window_width, window_height = window_step * rng.uniform(0.4, 0.75), floor_height * rng.uniform(0.4, 0.65)
    frame = np.clip(wall + rng.choice([-60, 50, 70]), 0, 255)
    for storey in range(int(height / floor_height) + 1):
        base = h - (storey * floor_height + 0.9) * ppm
        for column in range(int(width / window_step)):
            x0, y0 = (column * window_step + 0.3) * ppm, base - window_height * ppm
            box = np.array([x0, y0, x0 + window_width * ppm, base]).round().astype(int)
            glass = np.array([50, 58, 70], np.float32) * rng.uniform(0.5, 3.2)
            cv2.rectangle(rgb, box[:2].tolist(), box[2:].tolist(), frame.tolist(), -1)
            cv2.rectangle(rgb, (box[:2] + 1).tolist(), (box[2:] - 1).tolist(), glass.tolist(), -1)
        if rng.random() < 0.4:
            ledge = round(h - storey * floor_height * ppm)
            rgb[max(ledge - 2, 0) : max(ledge, 0)] *= rng.uniform(0.7, 1.3)
    _shop_fronts(rng, rgb, w, h, ppm)
    return finish(rgb, None, rng, tile, rng.uniform(0.05, 0.13))


def _shop_fronts(rng: Generator, rgb: np.ndarray, w: int, h: int, ppm: float) -> None:
    x = 0
    while x < w:
        step = round(rng.uniform(2.5, 6) * ppm)
        if rng.random() < 0.6:
            colour = rng.uniform(20, 230, 3)
            cv2.rectangle(rgb, (x + 1, h - round(2.4 * ppm)), (x + step - 2, h), (colour * 0.45).tolist(), -1)
            cv2.rectangle(rgb, (x + 1, h - round(2.8 * ppm)), (x + step - 2, h - round(2.4 * ppm)), colour.tolist(), -1)
        x += step


def tree(rng: Generator, tile: np.ndarray, size: int = 96) -> np.ndarray:
    """A ragged crown over a short trunk."""
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / size
    rough = grain_of(rng, (size, size), tile, rng.uniform(1.0, 2.0))[..., 0]
    radius = np.hypot((columns - 0.5) / 0.46, (rows - 0.40) / 0.40)
    crown = radius + 0.17 * rough < 0.85
    trunk = (np.abs(columns - 0.5) < 0.035) & (rows > 0.5)
    leaf = np.array([62, 84, 44], np.float32) * rng.uniform(0.6, 1.5) + rng.normal(0, 9, 3)
    rgb = leaf + 22 * rough[..., None] + 45 * (0.5 - rows[..., None])
    rgb[trunk & ~crown] = np.array([75, 62, 50]) * rng.uniform(0.6, 1.3)
    return finish(rgb, np.where(crown | trunk, 255, 0).astype(np.uint8), rng, tile, 0.16)


def hedge(rng: Generator, tile: np.ndarray, width: int = 192, height: int = 32) -> np.ndarray:
    """A clipped row of leaves with an uneven top."""
    rough = grain_of(rng, (height, width), tile, 1.5)[..., 0]
    rgb = np.array([64, 82, 46], np.float32) * rng.uniform(0.7, 1.4) + 20 * rough[..., None]
    top = np.arange(height)[:, None] > 3 + 1.5 * rough
    return finish(rgb, np.where(top, 255, 0).astype(np.uint8), rng, tile, 0.15)


def person(rng: Generator, tile: np.ndarray) -> np.ndarray:
    """A standing or striding figure, 40 x 96."""
    w, h = 40, 96
    rgb, alpha = np.zeros((h, w, 3), np.float32), np.zeros((h, w), np.uint8)
    coat, legs = pick(rng, CLOTH_COLOURS), pick(rng, CLOTH_COLOURS)
    skin = np.array([205, 160, 130]) * rng.uniform(0.45, 1.1)
    stride, shoulder = int(rng.integers(2, 11)), int(rng.integers(9, 13))

    def paint(draw, colour: np.ndarray) -> None:
        draw(rgb, colour.tolist())
        draw(alpha, 255)

    for sign in (-1, 1):
        foot = (20 + sign * stride, h - 3)
        paint(lambda image, c, f=foot: cv2.line(image, (20, 52), f, c, 7), legs * (1 + 0.12 * sign))
        hand = (20 + sign * (shoulder + 2), 52 + int(rng.integers(-6, 4)))
        paint(lambda image, c, s=sign, p=hand: cv2.line(image, (20 + s * (shoulder - 3), 22), p, c, 5), coat * 0.85)
    body = np.array([[20 - shoulder, 20], [20 + shoulder, 20], [28, 58], [12, 58]])
    paint(lambda image, c: cv2.fillPoly(image, [body], c), coat)
    paint(lambda image, c: cv2.ellipse(image, (20, 10), (6, 8), 0, 0, 360, c, -1), skin)
    paint(lambda image, c: cv2.ellipse(image, (20, 7), (6, 5), 0, 180, 360, c, -1), skin * 0.35)
    return finish(rgb, alpha, rng, tile, 0.1)


def bicyclist(rng: Generator, tile: np.ndarray, side_view: bool) -> np.ndarray:
    """A rider with the bicycle, 96 x 96 from the side or 48 x 96 from behind."""
    w, h = (96, 96) if side_view else (48, 96)
    rgb, alpha = np.zeros((h, w, 3), np.float32), np.zeros((h, w), np.uint8)
    coat, legs, frame = pick(rng, CLOTH_COLOURS), pick(rng, CLOTH_COLOURS), rng.uniform(20, 190, 3)
    skin = np.array([205, 160, 130]) * rng.uniform(0.45, 1.1)
    tyre = np.array([35.0, 35.0, 38.0])

    def line(points: list[tuple[int, int]], colour: np.ndarray, width: int) -> None:
        cv2.polylines(rgb, [np.array(points)], False, colour.tolist(), width)
        cv2.polylines(alpha, [np.array(points)], False, 255, width)

    def disc(centre: tuple[int, int], axes: tuple[int, int], colour: np.ndarray, width: int) -> None:
        cv2.ellipse(rgb, centre, axes, 0, 0, 360, colour.tolist(), width)
        cv2.ellipse(alpha, centre, axes, 0, 0, 360, 255, width)

    if side_view:
        disc((20, 75), (17, 17), tyre, 4)
        disc((76, 75), (17, 17), tyre, 4)
        line([(20, 75), (44, 75), (66, 52), (76, 75)], frame, 4)
        line([(20, 75), (36, 52), (64, 52)], frame, 4)
        line([(36, 50), (52, 60), (46, 78)], legs, 9)
        line([(36, 48), (52, 22)], coat, 15)
        line([(52, 24), (66, 44)], coat * 0.8, 6)
        disc((58, 11), (8, 9), skin, -1)
    else:
        disc((24, 76), (3, 18), tyre, -1)
        line([(18, 50), (16, 78)], legs, 8)
        line([(30, 50), (32, 72)], legs * 0.85, 8)
        line([(8, 42), (24, 36), (40, 42)], coat * 0.8, 6)
        line([(24, 20), (24, 50)], coat, 20)
        disc((24, 9), (7, 8), skin, -1)
    return finish(rgb, alpha, rng, tile, 0.1)


def sign(rng: Generator, tile: np.ndarray, size: int = 40) -> np.ndarray:
    """A traffic sign (disc, triangle or board) or the box of a traffic light."""
    rgb, alpha = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.uint8)
    strong = [(190, 35, 40), (35, 70, 160), (210, 180, 40), (40, 110, 70)][rng.integers(4)]
    pale = (225, 225, 220)
    outer, inner = (strong, pale) if rng.random() < 0.6 else (pale, strong)
    kind, middle = rng.integers(4), size // 2
    if kind == 0:
        for radius, colour in ((middle - 1, outer), (middle - 6, inner)):
            cv2.circle(rgb, (middle, middle), radius, colour, -1)
            cv2.circle(alpha, (middle, middle), radius, 255, -1)
    elif kind == 1:
        for inset, colour in ((0, outer), (6, inner)):
            corners = np.array(
                [[middle, 1 + 1.5 * inset], [size - 1 - inset, size - 2 - inset], [inset, size - 2 - inset]]
            )
            cv2.fillPoly(rgb, [corners.astype(int)], colour)
            cv2.fillPoly(alpha, [corners.astype(int)], 255)
    elif kind == 2:
        rgb[:], alpha[:] = outer, 255
        cv2.rectangle(rgb, (3, 3), (size - 4, size - 4), inner, -1)
        for row in range(9, size - 8, 8):
            cv2.line(rgb, (8, row), (int(rng.integers(18, size - 6)), row), outer, 3)
    else:
        rgb[:, middle - 9 : middle + 9], alpha[:, middle - 9 : middle + 9] = (32, 34, 34), 255
        lit = rng.integers(3)
        for index, colour in enumerate(((230, 40, 30), (230, 170, 40), (60, 220, 120))):
            shade = np.array(colour) * (1.0 if index == lit else 0.3)
            cv2.circle(rgb, (middle, 7 + 13 * index), 5, shade.tolist(), -1)
    return finish(rgb, alpha, rng, tile, 0.06)


def fence(rng: Generator, tile: np.ndarray, width: int = 256, height: int = 40) -> np.ndarray:
    """Pickets or railings; labelled as one solid surface, what shows between the bars is painted in."""
    bar = pick(rng, (*BUILDING_COLOURS, (60, 66, 60), (50, 52, 56)))
    gap = pick(rng, ((70, 84, 52), (110, 105, 98), (60, 60, 62)))
    rgb = np.broadcast_to(gap, (height, width, 3)).copy()
    step = int(rng.integers(5, 12))
    rgb[:, np.arange(width) % step < rng.integers(2, step - 1)] = bar
    for rail in (0.08, 0.8):
        rgb[round(rail * height) : round(rail * height) + 4] = bar * 0.85
    return finish(rgb, None, rng, tile, 0.1)


def pole(rng: Generator, tile: np.ndarray) -> np.ndarray:
    """A bare shaft, lighter on one side."""
    colour = pick(rng, ((120, 120, 118), (60, 64, 62), (165, 165, 160), (95, 80, 64)))
    rgb = colour * np.linspace(0.75, 1.15, 8)[None, :, None] * np.ones((64, 1, 1))
    return finish(rgb.astype(np.float32), None, rng, tile, 0.07)


def car_end(rng: Generator, tile: np.ndarray, colour: np.ndarray, front: bool) -> np.ndarray:
    """Lower body from the front or from behind: lamps, plate, bumper, wheels."""
    w, h = 64, 34
    rgb = np.broadcast_to(colour, (h, w, 3)).copy()
    rgb[22:] *= 0.7
    lamp = (235, 232, 215) if front else (185, 25, 25)
    for x in (3, w - 14):
        cv2.rectangle(rgb, (x, 6), (x + 10, 13), lamp, -1)
    cv2.rectangle(rgb, (24, 15), (40, 20), (215, 205, 120), -1)
    if front:
        cv2.rectangle(rgb, (17, 6), (46, 12), (30, 30, 32), -1)
    alpha = np.full((h, w), 255, np.uint8)
    alpha[29:, 12 : w - 12] = 0
    for x in (1, w - 12):
        cv2.rectangle(rgb, (x, 26), (x + 10, h), (22, 22, 24), -1)
    return finish(rgb, alpha, rng, tile, 0.05)


def car_side(rng: Generator, tile: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Lower body from the side, with wheels; below the sills it is open between them."""
    w, h = 128, 34
    rgb = np.broadcast_to(colour, (h, w, 3)).copy()
    rgb[20:] *= 0.75
    rgb[:, [43, 80]] *= 0.6
    alpha = np.full((h, w), 255, np.uint8)
    alpha[28:] = 0
    for x in (24, w - 24):
        cv2.circle(rgb, (x, 25), 10, (22, 22, 24), -1)
        cv2.circle(rgb, (x, 25), 5, (130, 130, 132), -1)
        cv2.circle(alpha, (x, 25), 9, 255, -1)
    return finish(rgb, alpha, rng, tile, 0.05)


def car_window(rng: Generator, tile: np.ndarray, colour: np.ndarray, panes: int) -> np.ndarray:
    """Cabin: glass panes in a frame of the car's colour, narrower at the roof."""
    w, h = 64, 28
    rgb = np.broadcast_to(colour, (h, w, 3)).copy()
    glass = np.array([48, 56, 66]) * rng.uniform(0.6, 2.2)
    for pane in range(panes):
        left, right = round(4 + pane * 56 / panes), round(4 + (pane + 1) * 56 / panes) - 3
        cv2.rectangle(rgb, (left, 4), (right, h - 3), glass.tolist(), -1)
        cv2.line(rgb, (left + 3, h - 4), (left + 9, 5), (glass * 1.5).tolist(), 2)
    outline = np.array([[0, h], [6, 0], [w - 7, 0], [w, h]])
    alpha = cv2.fillPoly(np.zeros((h, w), np.uint8), [outline], 255)
    return finish(rgb, alpha, rng, tile, 0.05)


def plain(rng: Generator, tile: np.ndarray, colour: np.ndarray, size: int = 32) -> np.ndarray:
    """One colour with grain: roofs, boxes, van sides."""
    return finish(np.broadcast_to(colour, (size, size, 3)).astype(np.float32), None, rng, tile, 0.09)


def skyline(rng: Generator, tile: np.ndarray, width: int = 1024, height: int = 64, leaves: bool = False) -> np.ndarray:
    """Far row of roofs (or tree tops) that closes the street's end."""
    rough = grain_of(rng, (height, width), tile, 2.0)
    if leaves:
        outline = 0.45 * height + 0.22 * height * grain_of(rng, (1, width), tile, 6.0)[0, :, 0]
        rgb = np.array([70, 86, 60], np.float32) + 16 * rough
    else:
        steps = np.repeat(rng.uniform(0.15, 0.8, width // 24 + 1) * height, 24)[:width]
        outline = steps
        colours = np.repeat([pick(rng, BUILDING_COLOURS) for _ in range(width // 24 + 1)], 24, axis=0)[:width]
        windows = (np.arange(height)[:, None] % 8 < 4) & (np.arange(width)[None, :] % 6 < 3)
        rgb = np.where(windows[..., None], 0.7, 1.0) * colours[None] + 8 * rough
    alpha = np.where(np.arange(height)[:, None] > outline[None], 255, 0).astype(np.uint8)
    return finish(rgb.astype(np.float32), alpha, rng, tile, 0.06)


def sky(rng: Generator, tile: np.ndarray, size: int = 256) -> np.ndarray:
    """Gradient from zenith (first row) to horizon (last row) under clouds, ``[size, size, 4]``."""
    height = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    zenith = np.array([95, 140, 205], np.float32) * rng.uniform(0.7, 1.1) + rng.normal(0, 10, 3)
    horizon = np.array([205, 212, 218], np.float32) * rng.uniform(0.8, 1.1)
    clear = zenith * (1 - height) + horizon * height
    cover = rng.uniform(-1.0, 1.2)
    cloud = 1 / (1 + np.exp(-3 * (grain_of(rng, (size, size), tile) + cover)))
    white = np.array([215, 216, 220], np.float32) * (0.92 + 0.07 * grain_of(rng, (size, size), tile, 2.0))
    rgb = clear * (1 - cloud) + white * cloud
    return np.dstack([np.clip(rgb, 0, 255).astype(np.uint8), np.full((size, size), 255, np.uint8)])
