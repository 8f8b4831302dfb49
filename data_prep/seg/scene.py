"""Ray-exact renderer of a scene of textured flat surfaces: colours, labels and the optical flow that belongs to them.

World and camera axes: x to the right, y **down**, z forward; lengths in metres, pixel centres at whole numbers.
Every surface is a parallelogram ``o + s * e_s + t * e_t`` with ``s, t`` in [0, 1], moving with a constant
velocity. For a camera with intrinsics ``K``, rotation ``R`` and centre ``c`` the matrix ``P = K R [e_s, e_t, o - c]``
maps ``(s, t, 1)`` to depth times ``(u, v, 1)``. Its inverse therefore gives, for any pixel, the place on the surface
*and* the inverse depth, and ``P(t + 1) P(t)^-1`` is the exact motion of that surface's pixels between two frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

GROUND, SKY = 0, 1
NEAR = 0.4  # metres; nothing closer is drawn
_CORNERS = np.array([[0.0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])

GroundShader = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass
class Surface:
    """A textured parallelogram.

    Args:
        origin: corner that the texture's first pixel lies on, metres, ``[3]``.
        edge_s: from there along the texture's rows, ``[3]``.
        edge_t: from there down the texture's columns, ``[3]``.
        texture: ``uint8 [h, w, 4]`` (RGB, alpha); transparent where alpha is below 128.
        label: class of every opaque pixel.
        velocity: metres per frame, ``[3]``.
        tint: factor on the texture's colours, ``[3]`` or a number.
        normal: outward direction of a face of a closed body, which is skipped when seen from inside.
        shadow: darkens the ground under it and is otherwise not there.
    """

    origin: np.ndarray
    edge_s: np.ndarray
    edge_t: np.ndarray
    texture: np.ndarray
    label: int
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(3))
    tint: np.ndarray | float = 1.0
    normal: np.ndarray | None = None
    shadow: bool = False


@dataclass
class Camera:
    """Pinhole camera.

    Args:
        intrinsics: focal lengths and principal point, pixels, ``[3, 3]``.
        rotation: world to camera, ``[3, 3]``.
        centre: where it stands, metres, ``[3]``.
        size: ``(width, height)`` in pixels.
    """

    intrinsics: np.ndarray
    rotation: np.ndarray
    centre: np.ndarray
    size: tuple[int, int]


@dataclass
class View:
    """What one frame shows.

    Args:
        colour: RGB in 0..255, float32 ``[H, W, 3]``, without sensor noise.
        label: class per pixel, uint8 ``[H, W]``.
        index: which surface each pixel shows, int16 ``[H, W]``: `GROUND`, `SKY`, then the scene's list.
        projection: the matrices ``P`` of all surfaces, ``[N, 3, 3]``.
    """

    colour: np.ndarray
    label: np.ndarray
    index: np.ndarray
    projection: np.ndarray


@dataclass
class Scene:
    """Surfaces over an endless ground under an endless sky.

    Args:
        surfaces: everything that stands on the ground.
        shade_ground: from ``x``, ``z`` and inverse depth, each ``[N]``, to RGB ``[N, 3]`` and labels uint8 ``[N]``.
        sky_texture: ``uint8 [h, w, 4]``, from 60 degrees up to a little below the horizon.
        sky_label: class of the sky.
        haze: extinction per metre.
        haze_colour: what distant things fade to, ``[3]``.
        light: factor on all colours, ``[3]``.
    """

    surfaces: list[Surface]
    shade_ground: GroundShader
    sky_texture: np.ndarray
    sky_label: int
    haze: float
    haze_colour: np.ndarray
    light: np.ndarray

    @cached_property
    def _edges(self) -> np.ndarray:
        """Edge vectors of ground, sky and the surfaces, ``[N, 3, 2]``."""
        edges = [np.array([[1.0, 0], [0, 0], [0, 1]]), np.array([[5.0, 0], [0, 2.1], [0, 0]])]
        edges += [np.stack([surface.edge_s, surface.edge_t], axis=1) for surface in self.surfaces]
        return np.stack(edges)

    @cached_property
    def _origins(self) -> np.ndarray:
        return np.stack([np.zeros(3), np.zeros(3), *(surface.origin for surface in self.surfaces)])

    @cached_property
    def _velocities(self) -> np.ndarray:
        return np.stack([np.zeros(3), np.zeros(3), *(surface.velocity for surface in self.surfaces)])

    @cached_property
    def _normals(self) -> np.ndarray:
        none = np.zeros(3)
        return np.stack([none, none, *(none if s.normal is None else s.normal for s in self.surfaces)])

    @cached_property
    def _pyramids(self) -> list[list[np.ndarray]]:
        known: dict[int, list[np.ndarray]] = {}
        return [known.setdefault(id(s.texture), _pyramid(s.texture)) for s in self.surfaces]

    @cached_property
    def _tints(self) -> np.ndarray:
        tints = [np.ones(3), np.ones(3), *(np.broadcast_to(s.tint, 3) for s in self.surfaces)]
        return np.stack(tints).astype(np.float32) * self.light.astype(np.float32)

    @cached_property
    def _labels(self) -> np.ndarray:
        return np.array([0, self.sky_label, *(s.label for s in self.surfaces)], np.uint8)

    def relative_frames(self, camera: Camera, time: float) -> np.ndarray:
        """``[e_s, e_t, o - c]`` of ground, sky and every surface, in world axes, ``[N, 3, 3]``."""
        offset = self._origins + time * self._velocities - camera.centre
        offset[SKY] = (-2.5, -1.8, 1.0)  # a direction: the sky has no distance, so it only turns
        return np.concatenate([self._edges, offset[:, :, None]], axis=2)

    def render(self, camera: Camera, time: float, supersample: int = 2) -> View:
        """One frame; labels are taken at pixel centres, colours averaged over about a pixel around them.

        Args:
            camera: where it is seen from.
            time: in frames; surfaces stand at ``origin + time * velocity``.
            supersample: colour samples per pixel along each axis, 1 or 2.
        """
        scale = np.diag([supersample, supersample, 1.0])
        frames = self.relative_frames(camera, time)
        projection = camera.intrinsics @ camera.rotation @ frames
        unscale = np.diag([1 / supersample, 1 / supersample, 1.0])
        inverse, regular = _inverses(projection)
        to_surface = inverse @ unscale
        canvas = _Canvas(camera, supersample)
        canvas.draw_sky(to_surface[SKY], self.sky_texture)
        ground_label = canvas.draw_ground(to_surface[GROUND], self.shade_ground)
        boxes, visible = _screen_boxes(scale @ projection, canvas.width, canvas.height)
        visible &= regular & (np.einsum("ni,nij,j->n", self._normals, frames, (0.5, 0.5, 1)) <= 0)
        for number in np.nonzero(visible[2:])[0] + 2:
            shadow = self.surfaces[number - 2].shadow
            canvas.draw(to_surface[number], boxes[number], self._pyramids[number - 2], number, shadow)
        colour = canvas.colour * self._tints[canvas.index]
        fade = np.exp(-self.haze / np.maximum(canvas.inverse_depth, 1e-3))[..., None]
        fade[canvas.index == SKY] = 1
        colour = colour * fade + self.haze_colour.astype(np.float32) * (1 - fade)
        if supersample == 2:
            kernel = np.array([0.25, 0.5, 0.25], np.float32)
            colour = cv2.sepFilter2D(colour, -1, kernel, kernel)
        pixels = (slice(None, None, supersample),) * 2
        index = canvas.index[pixels]
        label = np.where(index == GROUND, ground_label[pixels], self._labels[index])
        return View(np.ascontiguousarray(colour[pixels]), label, index.copy(), projection)


def _pyramid(texture: np.ndarray) -> list[np.ndarray]:
    levels = [np.ascontiguousarray(texture)]
    while min(levels[-1].shape[:2]) >= 8:
        levels.append(cv2.pyrDown(levels[-1]))
    return levels


class _Canvas:
    """Colour, inverse depth and surface index at every sample of one frame."""

    def __init__(self, camera: Camera, supersample: int) -> None:
        self.width, self.height = camera.size[0] * supersample, camera.size[1] * supersample
        self.colour = np.zeros((self.height, self.width, 3), np.uint8)
        self.inverse_depth = np.zeros((self.height, self.width), np.float32)
        self.index = np.full((self.height, self.width), SKY, np.int16)
        self.columns = np.arange(self.width, dtype=np.float32)
        self.rows = np.arange(self.height, dtype=np.float32)[:, None]

    def draw_sky(self, to_sky: np.ndarray, texture: np.ndarray) -> None:
        """Fill everything with sky."""
        to_texture = _texture_matrix(texture) @ to_sky
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (self.width, self.height)
        rgba = cv2.warpPerspective(texture, to_texture, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        self.colour = np.ascontiguousarray(rgba[..., :3])

    def draw_ground(self, to_ground: np.ndarray, shade: GroundShader) -> np.ndarray:
        """Fill the half below the horizon; returns the ground's labels, uint8 ``[H, W]``."""
        inverse_depth = self._affine(to_ground[2], slice(None), slice(None))
        below = (inverse_depth > 1e-3) & (inverse_depth < 1 / NEAR)
        v, u = np.nonzero(below)
        z_inverse = inverse_depth[below]
        x, z = ((to_ground[row] @ np.stack([u, v, np.ones_like(u)])) / z_inverse for row in (0, 1))
        label = np.zeros((self.height, self.width), np.uint8)
        rgb, label[below] = shade(x.astype(np.float32), z.astype(np.float32), z_inverse)
        self.colour[below] = np.clip(rgb, 0, 255)
        self.inverse_depth[below] = z_inverse
        self.index[below] = GROUND
        return label

    def draw(
        self,
        to_surface: np.ndarray,
        box: np.ndarray,
        pyramid: list[np.ndarray],
        number: int,
        shadow: bool,
    ) -> None:
        """Draw one surface where it is nearer than what is there.

        Args:
            to_surface: from sample coordinates to ``(s, t, 1)`` over depth, ``[3, 3]``.
            box: samples to look at, ``x0, y0, x1, y1``.
            pyramid: the texture at full, half, quarter ... size.
            number: what to write into the index.
            shadow: darken the ground instead.
        """
        x0, y0, x1, y1 = box
        full = pyramid[0].shape[0] * pyramid[0].shape[1]
        shrink = 0.5 * np.log2(full / ((x1 - x0) * (y1 - y0)))
        texture = pyramid[int(np.clip(round(shrink), 0, len(pyramid) - 1))]
        window = np.array([[1.0, 0, x0], [0, 1, y0], [0, 0, 1]])
        warped = cv2.warpPerspective(
            texture,
            _texture_matrix(texture) @ to_surface @ window,
            (x1 - x0, y1 - y0),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        area = (slice(y0, y1), slice(x0, x1))
        opaque = warped[..., 3] >= 128
        if shadow:
            dark = opaque & (self.index[area] == GROUND)
            self.colour[area][dark] = (self.colour[area][dark] * 0.55).astype(np.uint8)
            return
        inverse_depth = self._affine(to_surface[2], *area)
        seen = opaque & (inverse_depth > self.inverse_depth[area]) & (inverse_depth < 1 / NEAR)
        np.copyto(self.colour[area], warped[..., :3], where=seen[..., None])
        np.copyto(self.inverse_depth[area], inverse_depth, where=seen)
        self.index[area][seen] = number

    def _affine(self, row: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
        a, b, c = (np.float32(value) for value in row)
        return a * self.columns[columns] + (b * self.rows[rows] + c)


def _texture_matrix(texture: np.ndarray) -> np.ndarray:
    """From ``(s, t)`` in [0, 1] to texture pixels, whose centres stand at whole numbers."""
    height, width = texture.shape[:2]
    return np.array([[width, 0, -0.5], [0, height, -0.5], [0, 0, 1.0]])


def _inverses(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverses of ``[N, 3, 3]`` and which exist, ``[N]``: a surface seen exactly edge-on has none."""
    regular = np.abs(np.linalg.det(matrices)) > 1e-9
    return np.linalg.inv(np.where(regular[:, None, None], matrices, np.eye(3))), regular


def _screen_boxes(projection: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample rectangles around the parts of surfaces in front of the camera.

    Args:
        projection: from ``(s, t, 1)`` to sample coordinates times depth, ``[N, 3, 3]``.
        width: samples in a row.
        height: rows of samples.

    Returns:
        ``x0, y0, x1, y1`` of each surface, ``[N, 4]``, and which of them hold any sample, ``[N]``.
    """
    corners = np.einsum("nij,cj->nci", projection, _CORNERS)
    in_front = corners[..., 2] >= NEAR
    points = corners[..., :2] / np.maximum(corners[..., 2:], NEAR)
    low, high = points.min(axis=1), points.max(axis=1)
    for number in np.nonzero(in_front.any(axis=1) & ~in_front.all(axis=1))[0]:
        polygon = _cut_at_near_plane(corners[number])
        points = polygon[:, :2] / polygon[:, 2:]
        low[number], high[number] = points.min(axis=0), points.max(axis=0)
    size = np.array([width, height])
    start = np.clip(np.floor(low), 0, size).astype(int)
    stop = np.clip(np.ceil(high + 1), 0, size).astype(int)
    return np.concatenate([start, stop], axis=1), in_front.any(axis=1) & (stop > start).all(axis=1)


def _cut_at_near_plane(corners: np.ndarray) -> np.ndarray:
    """The part of a polygon (``u * depth, v * depth, depth`` for each corner) with depth of at least `NEAR`."""
    following = np.roll(corners, -1, axis=0)
    depth, next_depth = corners[:, 2], following[:, 2]
    crossing = (depth - NEAR) * (next_depth - NEAR) < 0
    share = ((NEAR - depth[crossing]) / (next_depth[crossing] - depth[crossing]))[:, None]
    return np.concatenate([corners[depth >= NEAR], corners[crossing] * (1 - share) + following[crossing] * share])


def optical_flow(view: View, following: View) -> tuple[np.ndarray, np.ndarray]:
    """Motion of every pixel's surface point from one frame to the next.

    A point counts as visible when the pixel it lands on (rounded) shows the same surface; flat surfaces do not
    hide themselves, so that is exact up to half a pixel at outlines.

    Args:
        view: frame ``t``.
        following: frame ``t + 1`` of the same scene.

    Returns:
        Flow ``(u, v)`` in pixels, float32 ``[H, W, 2]``, and visibility in frame ``t + 1``, bool ``[H, W]``.
    """
    height, width = view.index.shape
    motion = following.projection @ _inverses(view.projection)[0]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    moved = np.einsum("hwij,jhw->ihw", motion[view.index], np.stack([columns, rows, np.ones_like(rows)]))
    in_front = moved[2] > 1e-6
    target = moved[:2] / np.where(in_front, moved[2], 1)
    limit = 4.0 * max(height, width)
    flow = np.clip(target - np.stack([columns, rows]), -limit, limit)
    x, y = np.rint(target).clip(-1, max(height, width)).astype(int)
    inside = in_front & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    landed = following.index[y.clip(0, height - 1), x.clip(0, width - 1)]
    return np.moveaxis(flow, 0, -1).astype(np.float32), inside & (landed == view.index)
