"""Pictures of heads: a shaded surface with eyes, brows, lips, hair and glasses drawn at the very points of its shape.

Everything is painted far to near on a canvas `FINER` times the size of the picture. The skin is the head's surface in
small patches, each lit by its slope; what lies on it is outlined by smooth curves through the projected points and
takes the light of the skin there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from data_prep.landmarks.face_look import Look
from data_prep.landmarks.face_shape import CHIN, EARS, Head, smooth_curve

FINER = 2
_BITS = 4  # of a pixel, for cv2's fixed-point coordinates
_ROWS = np.concatenate([np.arange(EARS - 1), np.linspace(EARS - 1, EARS + 4, 16), np.linspace(EARS + 4.5, CHIN, 6)])
_SIDE = np.array([0.06, 0.12, 0.18, 0.25, 0.33, 0.43, 0.54, 0.66, 0.78, 0.88, 0.96, 1])
_ACROSS = np.concatenate([-_SIDE[::-1], [0], _SIDE])
_SHOULDERS = np.array([[-4, 9], [-3.7, 1.8], [-2.6, 0.75], [-1, 0], [0, 0.3], [1, 0], [2.6, 0.75], [3.7, 1.8], [4, 9]])
_ALONG, _AROUND = np.meshgrid(np.linspace(0, np.pi, 9), np.linspace(0, 2 * np.pi, 24, endpoint=False))
_SPHERE = np.stack([np.sin(_ALONG) * np.cos(_AROUND), np.cos(_ALONG), np.sin(_ALONG) * np.sin(_AROUND)], axis=-1)
# Where the hair ends, on one side: degrees from the middle and cm over the eyes relative to the hairline in front.
_HAIRLINE = np.array([[0, 0.0], [18, 0.1], [38, -0.2], [54, 0.9], [66, 2.6], [74, 4.8], [80, 7.2], [90, 8.4]])


@dataclass(frozen=True)
class View:
    """Where points of the head's frame lie on a picture.

    Args:
        rotation: of `Pose`, float64 ``[3, 3]``.
        scale: pixels for each cm.
        centre: where the frame's origin lies, pixels, float64 ``[2]``.
    """

    rotation: np.ndarray
    scale: float
    centre: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels, float64 ``[..., 2]``, of points ``[..., 3]`` in cm."""
        return points @ self.rotation[:2].T * self.scale + self.centre

    def finer(self, factor: int) -> View:
        """The same on a picture with ``factor`` times the pixels along each side."""
        return View(self.rotation, self.scale * factor, (self.centre + 0.5) * factor - 0.5)


def fit_view(head: Head, size: int, share: float, shift: tuple[float, float]) -> View:
    """The view in which the points' bounding box takes a share of a square picture.

    Args:
        head: whose points.
        size: side of the picture, pixels.
        share: the box's longer side, as a share of the picture's.
        shift: of the box's middle from the picture's, right and down, as shares of the picture's side.
    """
    rotation = head.pose.rotation
    flat = head.points @ rotation[:2].T
    low, high = flat.min(axis=0), flat.max(axis=0)
    scale = share * size / (high - low).max()
    return View(rotation, scale, (size - 1) / 2 + size * np.asarray(shift) - scale * (low + high) / 2)


def draw_head(canvas: np.ndarray, head: Head, view: View, look: Look) -> None:
    """Draw a head with neck and shoulders over what is on the canvas.

    Args:
        canvas: uint8 ``[H, W, 3]``, RGB, changed in place.
        head: its shape.
        view: onto the canvas.
        look: colours, hair, light.
    """
    _Portrait(canvas, head, view, look).draw()


class _Portrait:
    def __init__(self, canvas: np.ndarray, head: Head, view: View, look: Look) -> None:
        self.canvas, self.head, self.view, self.look = canvas, head, view, look
        self.points = head.points
        self.pixels = view.project(self.points)
        self.down = view.rotation[:2, 1] * view.scale  # a cm down the face
        self.skull = self._skull()

    def draw(self) -> None:
        self._back()
        for side in (-1, 1):
            self._ear(side)
        skin, face, nose = self._skin()
        self.skin = skin
        cv2.copyTo(skin, face, self.canvas)
        self._brows_and_eyes()
        self._mouth()
        # The nose stands before the far eye and, on a bowed head, before the lips.
        cv2.copyTo(skin, nose, self.canvas)
        self._nostrils()
        if self.look.hair_style != "bald":
            self._hair()
        if self.look.hair_style != "long":
            for side in (-1, 1):
                if side * self.head.pose.yaw < 6:
                    self._ear(side)
        if self.look.glasses:
            self._glasses()

    def _fill(self, points: np.ndarray, colour: np.ndarray) -> None:
        cv2.fillPoly(self.canvas, [_fixed(points)], _rgb(colour), cv2.LINE_AA, _BITS)

    def _line(self, points: np.ndarray, colour: np.ndarray, width: float, closed: bool = False) -> None:
        """A line of a width in cm."""
        pixels = max(1, round(width * self.view.scale))
        cv2.polylines(self.canvas, [_fixed(points)], closed, _rgb(colour), pixels, cv2.LINE_AA, _BITS)

    def _disc(self, area: np.ndarray, middle: np.ndarray, radius: float, colour: np.ndarray) -> None:
        """A disc, its radius in cm, on a part of the canvas."""
        pixels = round(radius * self.view.scale * (1 << _BITS))
        cv2.circle(area, _fixed(middle).tolist(), pixels, _rgb(colour), -1, cv2.LINE_AA, _BITS)

    def _lit(self, point: np.ndarray) -> float:
        """Light on the skin at a pixel, as a factor on its own brightness."""
        height, width = self.canvas.shape[:2]
        x, y = min(max(round(point[0]), 0), width - 1), min(max(round(point[1]), 0), height - 1)
        return min(max(float(self.skin[y, x].sum() / self.look.skin.sum()), 0.15), 1.5)

    def _skull(self) -> np.ndarray:
        """Outline of the back of the head on the canvas, ``[n, 2]``."""
        top, width = self.head.top, self.head.half_width
        radii = np.array([1.02 * width, 0.5 * (4.5 - top), 0.6 * (4.5 - top)]) * (1 + 0.08 * self.look.hair_volume)
        ball = np.array([0, 0.5 * (4.5 + top), -1.0]) + _SPHERE * radii
        return _hull(self.view.project(ball))

    def _back(self) -> None:
        """Long hair, shoulders, neck and the back of the head."""
        look, scale = self.look, self.view.scale
        throat = self.view.project(np.array([0, 7.5, -1.5]))
        width = 0.72 * self.head.half_width * scale * look.neck
        lean = 0.3 * self.down[0]
        if look.hair_style == "long":
            ends = throat + np.array([[-1.7 * width, 7 * scale], [1.7 * width, 7 * scale]])
            self._fill(_hull(np.concatenate([self.skull, ends])), look.hair * 0.6 * look.ambient)
        foot = throat + np.array([10 * lean, 9 * scale])
        half, lift = np.array([width, 0]), np.array([0, 4 * scale])
        neck = np.stack([throat - half - lift, throat + half - lift, foot + half + lift, foot - half + lift])
        self._fill(neck, look.skin * look.light_colour * (0.55 + 0.45 * look.ambient))
        edge = np.array([[throat[0] - look.light[0] * width, throat[1]], foot - (look.light[0] * width, 0)])
        self._line(edge, look.skin * look.light_colour * 0.62, 2.2)
        under = self.pixels[1:16] + self.view.rotation[:2] @ np.array([0, 1.2, -1.5]) * scale
        shadow = cv2.intersectConvexConvex(_hull(under), neck.astype(np.float32))[1]
        if shadow is not None:
            self._fill(shadow[:, 0], look.skin * look.light_colour * 0.38)
        body = foot + _SHOULDERS * width
        self._fill(smooth_curve(body, 5), look.shirt)
        self._fill(self.skull, look.hair * 0.7 if look.hair_style != "bald" else look.skin * look.light_colour * 0.6)

    def _ear(self, side: int) -> None:
        around = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        width, turn = self.head.half_width, np.array([0.75 * side, 0, -1.2])
        ear = np.array([side * (width + 0.35), 1.3, -1.0]) + np.cos(around)[:, None] * turn
        ear[:, 1] += np.sin(around) * (2.9 - 0.5 * np.sin(around))
        lit = self.look.shade(self.view.rotation @ np.array([0.8 * side, 0, 0.6]))
        colour = self.look.skin * lit * (1.0, 0.92, 0.9)
        self._fill(self.view.project(ear), colour)
        middle = ear.mean(axis=0)
        self._fill(self.view.project(middle + 0.55 * (ear - middle)), colour * 0.72)

    def _skin(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The head's surface, uint8 ``[H, W, 3]``, and masks of it and of its nose, uint8 ``[H, W]``."""
        mesh = self.head.at(_ROWS[:, None], _ACROSS)
        colours = self.look.paint(mesh, self.head) * self.look.shade(_normals(mesh) @ self.view.rotation.T)
        corners = _corners(self.view.project(mesh))
        first, second = (corners[..., k + 2, :] - corners[..., k, :] for k in (0, 1))
        facing = first[..., 0] * second[..., 1] > first[..., 1] * second[..., 0]
        middle = _middles(mesh)[facing]
        order = np.argsort(middle @ self.view.rotation[2])
        middle, patches = middle[order], _fixed(corners[facing][order])
        colours = np.clip(_middles(colours)[facing][order], 1, 255).tolist()
        skin, nose = np.zeros_like(self.canvas), np.zeros(self.canvas.shape[:2], np.uint8)
        for patch, colour in zip(patches, colours, strict=True):
            cv2.fillConvexPoly(skin, patch, colour, cv2.LINE_8, _BITS)
        on_nose = (np.abs(middle[:, 0]) < 0.9) & (middle[:, 1] > 0.6) & (middle[:, 1] < self.points[30, 1] + 0.3)
        for patch in patches[on_nose]:
            cv2.fillConvexPoly(nose, patch, 255, cv2.LINE_8, _BITS)
        face = cv2.inRange(skin, (1, 1, 1), (255, 255, 255))
        return _smoothed(skin, face, 0.22 * self.view.scale), face, nose

    def _brows_and_eyes(self) -> None:
        for brow in (slice(17, 22), slice(22, 27)):
            line = smooth_curve(self.points[brow], 4)
            taper = np.interp(np.linspace(0, 1, len(line)), [0, 0.3, 0.8, 1], [0.15, 0.8, 1, 0.8])
            thick = self.look.brow_width * taper
            thick = thick if brow.start == 17 else thick[::-1]
            edges = [line + sign * thick[:, None] * (0, 0.5, 0) for sign in (-1, 1)]
            outline = self.view.project(np.concatenate([edges[0], edges[1][::-1]]))
            lit = self._lit(self.pixels[brow].mean(axis=0))
            under = self.look.skin * self.look.light_colour * (1 - self.look.brow_strength)
            self._fill(outline, (self.look.brow * self.look.brow_strength + under) * lit)
        for first in (36, 42):
            self._eye(first)

    def _eye(self, first: int) -> None:
        corners = self.pixels[first : first + 6]
        upper, lower = smooth_curve(corners[:4], 4), smooth_curve(corners[[3, 4, 5, 0]], 4)
        outline = np.concatenate([upper, lower[1:-1]])
        middle, look = corners.mean(axis=0), self.look
        lit = self._lit(middle)
        crease = upper - 0.42 * self.down
        self._line(crease, look.skin * look.light_colour * lit * 0.72, 0.1)
        # Iris and white are painted through the opening between the lids.
        low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 2, 0)
        high = np.ceil(outline.max(axis=0)).astype(int) + 3
        area = self.canvas[low[1] : high[1], low[0] : high[0]]
        if area.size == 0:
            return
        eye = np.empty_like(area)
        eye[:] = _rgb(look.white * lit)
        gaze = self.view.rotation[:2] @ np.array([*self.head.expression.gaze, 0.45]) * self.view.scale
        iris = self.view.project(self.points[first : first + 6].mean(axis=0) - (0, 0.05, 0.45)) + gaze - low
        for radius, colour in ((0.62, look.iris * 0.55), (0.54, look.iris), (0.26, look.iris * 0.12)):
            self._disc(eye, iris, radius, colour * lit)
        if look.glint:
            self._disc(eye, iris + 0.22 * self.view.scale * np.array([1, -1]), 0.13, np.array([250.0, 250, 250]))
        lid = [_fixed(upper - low + 0.12 * self.down)]
        cv2.polylines(eye, lid, False, _rgb(look.white * lit * 0.55), 1, cv2.LINE_AA, _BITS)
        opening = cv2.fillPoly(np.zeros(area.shape[:2], np.uint8), [_fixed(outline - low)], 255, cv2.LINE_8, _BITS)
        cv2.copyTo(eye, opening, area)
        self._line(upper, look.lashes * lit, 0.16)
        self._line(lower, look.skin * look.light_colour * lit * 0.62, 0.07)

    def _mouth(self) -> None:
        look, pixels = self.look, self.pixels
        lit = self._lit(pixels[57] + 0.6 * self.down)
        top, bottom = smooth_curve(pixels[48:55], 4), smooth_curve(pixels[[54, 55, 56, 57, 58, 59, 48]], 4)
        inner_top, inner_bottom = smooth_curve(pixels[60:65], 4), smooth_curve(pixels[[64, 65, 66, 67, 60]], 4)
        self._fill(np.concatenate([top, bottom]), look.lips * lit * 0.85)
        self._fill(np.concatenate([bottom, pixels[60:61], inner_bottom[::-1], pixels[64:65]]), look.lips * lit * 1.08)
        self._fill(np.concatenate([inner_top, inner_bottom]), np.array([70, 25, 25]) * lit)
        gap = np.linalg.norm(pixels[66] - pixels[62]) / self.view.scale
        if gap > 0.35:
            reach = inner_top + min(0.75, 0.6 * gap) * self.down * _fade(len(inner_top))
            self._fill(np.concatenate([inner_top, reach[::-1]]), look.teeth * lit * 0.9)
        if gap > 1.2:
            tongue = inner_bottom - 0.4 * gap * self.down * _fade(len(inner_bottom))
            self._fill(np.concatenate([inner_bottom, tongue[::-1]]), np.array([170, 80, 80]) * lit)
        self._line(inner_top, look.lips * lit * 0.4, 0.1)
        for corner, wing in ((48, 31), (54, 35)):
            outward = (pixels[corner] - pixels[wing]) * (0.75, 0.45)
            fold = np.stack([pixels[wing] - 0.3 * self.down, pixels[wing] + outward, pixels[corner] - 0.1 * self.down])
            fold[2, 0] = pixels[wing][0] + 1.25 * (pixels[corner][0] - pixels[wing][0])
            strength = look.folds * (1 + self.head.expression.smile)
            self._line(smooth_curve(fold, 4), look.skin * look.light_colour * self._lit(fold[1]) * (1 - strength), 0.12)

    def _nostrils(self) -> None:
        look, pixels = self.look, self.pixels
        lit = self._lit(pixels[30])
        dark = look.skin * look.light_colour * lit
        self._line(smooth_curve(pixels[31:36], 4), dark * 0.6, 0.14)
        for point, side in ((32, -1), (34, 1)):
            hole = self.points[point] + np.array([0.1 * side, -0.2, 0.3])
            around = np.linspace(0, 2 * np.pi, 10, endpoint=False)
            ring = hole + np.stack([0.42 * np.cos(around), 0.17 * np.sin(around), 0.25 * np.sin(around)], axis=-1)
            self._fill(self.view.project(ring), dark * 0.3)
        for point, side in ((31, -1), (35, 1)):
            wing = self.points[point] + np.array([[0.25 * side, -1.0, 0.1], [0.3 * side, -0.5, 0], [0, 0, 0]])
            self._line(smooth_curve(self.view.project(wing), 4), dark * 0.66, 0.12)

    def _hair(self) -> None:
        """Hair over the skull but not over the face."""
        look, head = self.look, self.head
        place = np.concatenate([_HAIRLINE[:0:-1] * (-1, 1), _HAIRLINE])
        heights = look.hairline + place[:, 1] + look.parting * place[:, 0] / 90
        rows = head.rows_at(np.minimum(heights, 6 if look.hair_style == "long" else 1.5))
        across = np.clip(np.sin(np.deg2rad(place[:, 0])), *head.visible_sides())
        line = smooth_curve(self.view.project(head.at(rows, across)), 4)
        away = 60 * self.down
        opening = np.concatenate([[line[0] + away], line, [line[-1] + away]])
        crown = self.view.project(head.at(np.arange(0.0, EARS)[:, None], _ACROSS[::4]) * (1.05, 1.02, 1.05))
        mask = np.zeros(self.canvas.shape[:2], np.uint8)
        cv2.fillPoly(mask, [_fixed(_hull(np.concatenate([self.skull, crown.reshape(-1, 2)])))], 1, cv2.LINE_8, _BITS)
        cv2.fillPoly(mask, [_fixed(opening)], 0, cv2.LINE_8, _BITS)
        self._comb(mask > 0)

    def _comb(self, mask: np.ndarray) -> None:
        """Paint hair with strands that run down the head."""
        look = self.look
        rows, columns = np.nonzero(mask)
        offset = (np.stack([columns, rows], axis=-1) - self.view.centre) @ self.view.rotation[:2, :2] / self.view.scale
        across = offset[:, 0] / (1 + 0.03 * (offset[:, 1] + 12))
        strands = np.interp(across, np.linspace(-14, 14, len(look.strands)), look.strands)
        lit = look.shade(np.array([0.0, -0.6, 0.8]))
        slope = 1 + 0.05 * (offset @ look.light[:2])
        colour = look.hair * lit * (slope * strands)[:, None]
        self.canvas[rows, columns] = np.clip(colour, 0, 255).astype(np.uint8)

    def _glasses(self) -> None:
        look, points = self.look, self.points
        around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        rims = []
        for side, eye in ((-1, slice(36, 42)), (1, slice(42, 48))):
            x, y, z = points[eye].mean(axis=0)
            lens_x = np.sign(np.cos(around)) * np.abs(np.cos(around)) ** look.rim_round * 2.45
            lens_y = np.sign(np.sin(around)) * np.abs(np.sin(around)) ** look.rim_round * look.rim_height
            rim = np.stack([x + lens_x, y + 0.3 + lens_y, z + 1.6 - 0.25 * side * lens_x], axis=-1)
            rims.append(rim)
            if side * self.head.pose.yaw < 8:
                hinge = np.array([x + 2.45 * side, y - 0.3, z + 1.0])
                temple = np.stack([hinge, [side * (self.head.half_width + 0.1), -0.6, 0.0]])
                self._line(self.view.project(temple), look.rim, look.rim_width)
        outlines = [self.view.project(rim) for rim in rims]
        if look.lens is not None:
            glass = self.canvas.copy()
            cv2.fillPoly(glass, [_fixed(outline) for outline in outlines], _rgb(look.lens), cv2.LINE_AA, _BITS)
            cv2.addWeighted(glass, look.tint, self.canvas, 1 - look.tint, 0, dst=self.canvas)
        for outline in outlines:
            self._line(outline, look.rim, look.rim_width, closed=True)
        bridge = np.stack([rims[0][1], points[27] + (0, 0.1, 0.5), rims[1][11]])
        self._line(smooth_curve(self.view.project(bridge), 4), look.rim, look.rim_width)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint(points * (1 << _BITS)).astype(np.int32)


def _rgb(colour: np.ndarray) -> list[float]:
    return [min(max(value, 0.0), 255.0) for value in colour.tolist()]


def _hull(points: np.ndarray) -> np.ndarray:
    """Corners of the convex hull of ``[..., 2]``."""
    return cv2.convexHull(points.reshape(-1, 1, 2).astype(np.float32))[:, 0]


def _fade(count: int) -> np.ndarray:
    """1 in the middle, 0 at both ends, ``[count, 1]``."""
    return np.sqrt(1 - np.linspace(-1, 1, count) ** 2)[:, None]


def _corners(grid: np.ndarray) -> np.ndarray:
    """The four corners of each patch of a grid ``[R, C, d]``, in turn: ``[R - 1, C - 1, 4, d]``."""
    return np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], axis=2)


def _middles(grid: np.ndarray) -> np.ndarray:
    """Means of the four corners of each patch of a grid ``[R, C, d]``: ``[R - 1, C - 1, d]``."""
    rows = grid[:-1] + grid[1:]
    return 0.25 * (rows[:, :-1] + rows[:, 1:])


def _normals(mesh: np.ndarray) -> np.ndarray:
    """Directions of length 1 out of a surface ``[R, C, 3]`` whose rows run down and columns to the right."""
    right, down = np.gradient(mesh, axis=1), np.gradient(mesh, axis=0)
    (ax, ay, az), (bx, by, bz) = np.moveaxis(right, -1, 0), np.moveaxis(down, -1, 0)
    out = np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)
    return out / np.maximum(np.sqrt((out**2).sum(axis=-1, keepdims=True)), 1e-9)


def _smoothed(picture: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """The picture ``[H, W, 3]``, blurred without what lies outside of the mask."""
    width = 2 * round(2 * sigma) + 1
    weight = cv2.GaussianBlur(mask, (width, width), sigma)
    blurred = cv2.GaussianBlur(picture, (width, width), sigma)
    return cv2.divide(blurred, cv2.merge([weight] * 3), scale=255)
