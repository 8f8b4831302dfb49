"""The shape of the generated faces: a head in space and 68 points on it.

The mean face is ours: placed by hand from general anatomy (cheekbones 14 cm apart, outer corners of the eyes 9 cm,
11.5 cm from the eyes to the chin), symmetric, fitted to no set of faces.

Frame of the head: centimetres, x to the right of the picture, y down, z towards the viewer; y = 0 at the eyes, x = 0
in the middle, z = 0 near the ears. The head's front is a stack of half superellipses, one for each height, with nose,
eye sockets, cheeks, lips and chin as bumps; all points lie on it. On the picture a head is turned and scaled without
perspective.

Points 0 to 16, the jaw, are labelled on the outline that can be seen, as in 300W: a point that the head's turn hides
moves along its ellipse to where that is widest on the picture. So do outer ends of brows and eyes that are hidden.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from data_prep.landmarks.face_modes import SCHEME, Expression, Identity, Pose

JAW = np.arange(17)

# The outline from the crown to the chin: height y, half width, z of the widest place and z of the middle of the front.
# The last nine rows are points 0 to 8.
_OUTLINE = np.array(
    [
        [-11.6, 0.0, 0.0, 0.0],
        [-11.2, 2.8, 0.0, 2.8],
        [-10.2, 4.7, 0.0, 4.9],
        [-8.6, 6.2, 0.0, 6.9],
        [-6.6, 7.0, 0.0, 8.3],
        [-4.5, 7.3, 0.1, 9.0],
        [-2.3, 7.3, 0.3, 9.2],
        [-0.3, 7.2, 0.5, 8.7],
        [1.8, 7.1, 0.5, 8.6],
        [3.9, 6.9, 0.6, 8.8],
        [5.9, 6.45, 1.1, 9.1],
        [7.7, 5.6, 2.1, 9.0],
        [9.2, 4.4, 3.7, 8.6],
        [10.4, 3.0, 5.5, 8.6],
        [11.2, 1.5, 7.0, 8.4],
        [11.5, 0.0, 7.9, 7.9],
    ]
)
CHIN = len(_OUTLINE) - 1
EARS = CHIN - 8  # row of the outline of points 0 and 16

# x and y of the other points, on the left of the picture and in the middle.
# fmt: off
_LEFT = {
    17: (-6.0, -1.9), 18: (-5.0, -2.75), 19: (-3.8, -3.0), 20: (-2.6, -2.8), 21: (-1.45, -2.3),
    27: (0.0, 0.0), 28: (0.0, 1.4), 29: (0.0, 2.8), 30: (0.0, 4.2),
    31: (-1.65, 4.75), 32: (-0.85, 5.1), 33: (0.0, 5.3),
    36: (-4.55, 0.0), 37: (-3.7, -0.6), 38: (-2.55, -0.62), 39: (-1.65, 0.15), 40: (-2.5, 0.5), 41: (-3.6, 0.5),
    48: (-2.6, 7.45), 49: (-1.6, 6.85), 50: (-0.65, 6.55), 51: (0.0, 6.7),
    57: (0.0, 8.4), 58: (-0.75, 8.32), 59: (-1.65, 8.0),
    60: (-2.25, 7.42), 61: (-0.9, 7.27), 62: (0.0, 7.32), 66: (0.0, 7.48), 67: (-0.9, 7.45),
}
# fmt: on
_EYES, _BROWS, _NOSE, _MOUTH = (np.array(SCHEME.regions[name]) for name in ("eyes", "brows", "nose", "mouth"))
_BROWS_IN = np.array([0, 0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25, 0])  # 0 at the outer end of a brow, 1 at the inner
_UPPER_LIDS, _LOWER_LIDS = np.array([37, 38, 43, 44]), np.array([41, 40, 47, 46])  # one under the other
_UPPER_LIP, _LOWER_LIP = np.array([49, 50, 51, 52, 53, 61, 62, 63]), np.array([55, 56, 57, 58, 59, 65, 66, 67])
_CORNERS = np.array([48, 54, 60, 64])
_LIP_LINE = 7.42
_FLATNESS = 2.4  # exponent of the superellipses; 2 is an ellipse
_RING = np.sin(np.deg2rad(np.arange(-90, 91, 1.5)))  # places around a head's front, denser at its sides

# Height (share of the nose's length), ridge over the face and half width of the nose, cm.
_RIDGE = np.array(
    [
        *([-0.35, 0.0, 0.9], [0.0, 0.35, 0.8], [0.5, 1.6, 0.85], [0.8, 2.7, 1.1]),
        *([0.9, 2.3, 1.25], [1.0, 0.6, 1.3], [1.15, 0.0, 1.3]),
    ]
)
_NOSE_LENGTH = 5.3
# Bumps: x, y, half widths in x and y, height, cm: sockets, wings of the nose, cheeks, lips, chin.
_BUMPS = np.array(
    [
        [3.1, 0.0, 1.5, 1.0, -0.55],
        [1.35, 4.65, 0.45, 0.5, 0.6],
        [4.4, 3.0, 1.6, 1.5, 0.35],
        [0.9, 7.4, 1.4, 0.9, 0.3],
        [0.0, 10.2, 1.3, 0.8, 0.15],
    ]
)


class Head:
    """The surface of a person's head with an expression, how it is turned, and the 68 points on it.

    Args:
        identity: the person; the mean face by default.
        expression: what the face does; at rest by default.
        pose: how it is turned; to the front by default.

    Attributes:
        points: float64 ``[68, 3]``, cm in the head's frame, those of the outline where it can be seen.
        half_width: of the face at the ears, cm.
        top: height of the crown, cm.
    """

    def __init__(
        self, identity: Identity | None = None, expression: Expression | None = None, pose: Pose | None = None
    ) -> None:
        self.identity = identity or Identity()
        self.expression = expression or Expression()
        self.pose = pose or Pose()
        self._outline = smooth_curve(_shaped_outline(self.identity), 16)
        self._rows = np.linspace(0, CHIN, len(self._outline))
        self._length = _NOSE_LENGTH * (1 + self.identity.face_length) * (1 + self.identity.nose_length)
        self._bumps = _shaped_bumps(self.identity)
        self.half_width, self.top = self._outline[16 * EARS, 1], self._outline[0, 0]
        flat = _moved_by_expression(_placed(self.identity), self.expression)
        self.points = self.on_face(flat[:, 0], flat[:, 1])
        self._open_mouth(flat)
        self._show_outline(flat)

    def at(self, row: np.ndarray, across: np.ndarray) -> np.ndarray:
        """The surface, cm.

        Args:
            row: of the outline, 0 (crown) to `CHIN`; between rows it is smooth.
            across: place from the left (-1) over the middle of the front (0) to the right (1), as a share of the half
                width there; broadcast with ``row``.

        Returns:
            float64 ``[..., 3]``.
        """
        y, width, side, front = (np.interp(row, self._rows, column) for column in self._outline.T)
        return self._raised(width * across, y + 0 * across, side + (front - side) * _roundness(across))

    def on_face(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The place on the front of the surface that is at ``x`` and, before the mouth opens, at height ``y``, cm."""
        width, side, front = (np.interp(y, self._outline[:, 0], column) for column in self._outline[:, 1:].T)
        return self._raised(x, y, side + (front - side) * _roundness(x / np.maximum(width, 1e-6)))

    def rows_at(self, y: np.ndarray) -> np.ndarray:
        """Rows of the outline at heights ``y``, before the mouth opens."""
        return np.interp(y, self._outline[:, 0], self._rows)

    def visible_sides(self) -> tuple[float, float]:
        """Between which shares of the half width the head's front can be seen at the height of the ears."""
        ring = self.at(np.full(len(_RING), float(EARS)), _RING) @ self._to_the_right()
        return _RING[ring.argmin()], _RING[ring.argmax()]

    def _raised(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The ellipses with the nose and other bumps on them, lowered by the mouth."""
        along = y / self._length
        ridge, breadth = (np.interp(along, _RIDGE[:, 0], column) for column in _RIDGE[:, 1:].T)
        spread = breadth * (1 + self.identity.nose_width)
        z = z + (1 + self.identity.nose_depth) * ridge * np.exp(-((x / spread) ** 2))
        for centre, height, spread_x, spread_y, size in self._bumps.tolist():
            z = z + size * np.exp(-(((np.abs(x) - centre) / spread_x) ** 2) - ((y - height) / spread_y) ** 2)
        return np.stack([x, y + self._drop(y), z], axis=-1)

    def _drop(self, y: np.ndarray) -> np.ndarray:
        """By how much an open mouth lowers the face at height ``y``, cm."""
        share = np.clip((y - 5.5) / 3.5, 0, 1)
        return 0.8 * self.expression.mouth_open * share**2 * (3 - 2 * share)

    def _open_mouth(self, flat: np.ndarray) -> None:
        """Lower the lower lip by the whole opening, the corners by a part, the upper lip not at all."""
        for lip, share in ((_UPPER_LIP, 0.0), (_CORNERS, 0.4), (_LOWER_LIP, 1.0)):
            self.points[lip, 1] = flat[lip, 1] + share * self.expression.mouth_open

    def _show_outline(self, flat: np.ndarray) -> None:
        """Put the jaw, and the parts of brows and eyes that the turn hides, on the outline that can be seen."""
        right = self._to_the_right()
        rows = (EARS + 8.0 - np.abs(JAW - 8))[:, None]
        rings = self.at(rows, np.where(JAW < 8, -1, 1)[:, None] * _RING[len(_RING) // 2 :])
        reach = rings @ right * np.where(JAW < 8, -1, 1)[:, None]
        self.points[JAW] = rings[JAW, reach.argmax(axis=1)]
        lateral = np.concatenate([_BROWS, _EYES])
        x, y = flat[lateral].T[..., None]
        rings = self.on_face(x * np.linspace(0.6, 1, 41), np.broadcast_to(y, (len(lateral), 41)))
        reach = rings @ right * np.sign(x)
        self.points[lateral] = rings[np.arange(len(lateral)), reach.argmax(axis=1)]

    def _to_the_right(self) -> np.ndarray:
        """The direction in the head's frame that lies across the head's own up on the picture, float64 ``[3]``."""
        rotation = self.pose.rotation
        return np.array([rotation[1, 1], -rotation[0, 1]]) @ rotation[:2]


def _roundness(across: np.ndarray) -> np.ndarray:
    """How far the front stands out at shares of the half width: a superellipse, flatter than an ellipse in front."""
    return np.maximum(1 - np.abs(across) ** _FLATNESS, 0) ** (1 / _FLATNESS)


def smooth_curve(points: np.ndarray, steps: int, closed: bool = False) -> np.ndarray:
    """A Catmull-Rom curve through points ``[n, d]``, every ``steps``-th of whose places is one of them.

    Returns:
        float64 ``[(n - 1) * steps + 1, d]``, or ``[n * steps, d]`` for a closed curve.
    """
    return _curve_weights(len(points), steps, closed) @ points


@cache
def _curve_weights(count: int, steps: int, closed: bool) -> np.ndarray:
    """Weights of the points for each place of a curve, float64 ``[places, count]``."""
    points = np.eye(count)
    ends = (points[-1:], points[:2]) if closed else (2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1])
    padded = np.concatenate([ends[0], points, ends[1]])
    share = (np.arange(steps) / steps)[:, None]
    before, start, stop, after = (padded[k : len(padded) - 3 + k, None] for k in range(4))
    pieces = 0.5 * (
        2 * start
        + (stop - before) * share
        + (2 * before - 5 * start + 4 * stop - after) * share**2
        + (3 * start - before - 3 * stop + after) * share**3
    )
    curve = pieces.reshape(-1, count)
    return curve if closed else np.concatenate([curve, points[-1:]])


def _mean_points() -> np.ndarray:
    """x and y of the points of the mean face but the jaw's (0), float64 ``[68, 2]``."""
    flat = np.zeros((SCHEME.num_points, 2))
    for point, (x, y) in _LEFT.items():
        flat[point] = x, y
        flat[SCHEME.flip[point]] = -x, y
    return flat


_MEAN = _mean_points()


def _stretched(y: np.ndarray, person: Identity) -> np.ndarray:
    """Heights of a face of another length; the chin's and the forehead's own are added."""
    longer = y * (1 + person.face_length + (y < 0) * person.forehead * np.clip((-y - 3) / 6, 0, 1))
    return longer + person.chin_length * np.clip((y - 8.2) / 3, 0, 1)


def _shaped_outline(person: Identity) -> np.ndarray:
    outline = _OUTLINE.copy()
    jaw = np.interp(_OUTLINE[:, 0], [2, 7, 11.5], [0, 1, 1])
    outline[:, 0] = _stretched(_OUTLINE[:, 0], person)
    outline[:, 1] *= (1 + person.face_width) * (1 + person.jaw_width * jaw)
    outline[:, 3] *= 1 + person.depth
    outline[CHIN, 2] = outline[CHIN, 3]
    return outline


def _shaped_bumps(person: Identity) -> np.ndarray:
    bumps = _BUMPS.copy()
    bumps[:, 0] *= 1 + 0.5 * person.face_width
    bumps[:, 1] = _stretched(bumps[:, 1], person)
    bumps[0, :2] += person.eye_distance, person.eye_height
    bumps[1, 0] *= 1 + person.nose_width
    bumps[1, 1] *= 1 + person.nose_length
    bumps[3, 1] += person.mouth_height
    return bumps


def _placed(person: Identity) -> np.ndarray:
    """x and y of the points of a person at rest, float64 ``[68, 2]``."""
    flat = _MEAN.copy()
    flat[:, 0] *= 1 + 0.5 * person.face_width
    flat[:, 1] = _stretched(flat[:, 1], person)
    side = np.sign(flat[:, 0])
    for eye in (_EYES[:6], _EYES[6:]):
        middle = flat[eye].mean(axis=0)
        offset = (flat[eye] - middle) * (1 + person.eye_width, 1 + person.eye_opening)
        offset[:, 1] -= person.eye_tilt * offset[:, 0] * np.sign(middle[0])
        flat[eye] = middle + offset + (np.sign(middle[0]) * person.eye_distance, person.eye_height)
    flat[_BROWS, 0] += side[_BROWS] * person.eye_distance
    arch = 1 - (2 * _BROWS_IN - 1) ** 2
    flat[_BROWS, 1] += person.eye_height - person.brow_height - person.brow_arch * arch
    flat[_BROWS, 1] += person.brow_tilt * (_BROWS_IN - 0.5)
    flat[_NOSE[4:], 0] *= 1 + person.nose_width
    flat[_NOSE, 1] *= 1 + person.nose_length
    below_nose = 0.4 * person.nose_length * _NOSE_LENGTH  # a long nose pushes the mouth down
    flat[_MOUTH, 0] *= 1 + person.mouth_width
    line = _LIP_LINE * (1 + person.face_length)
    over = flat[_MOUTH, 1] - line
    over *= np.where(over < 0, 1 + person.upper_lip, 1 + person.lower_lip)
    flat[_MOUTH, 1] = line + over + person.mouth_height + below_nose
    if person.uneven:
        flat += np.reshape(person.uneven, flat.shape)
    return flat


def _moved_by_expression(flat: np.ndarray, face: Expression) -> np.ndarray:
    """x and y after everything but the opening of the mouth, which moves the surface too."""
    flat = flat.copy()
    for lids, opening in zip((slice(0, 2), slice(2, 4)), face.eyes_open, strict=True):
        upper, lower = _UPPER_LIDS[lids], _LOWER_LIDS[lids]
        flat[upper, 1] = flat[lower, 1] + np.minimum((flat[upper, 1] - flat[lower, 1]) * opening, 0)
    flat[_BROWS, 1] -= face.brow_raise - 0.6 * face.frown * _BROWS_IN
    flat[_BROWS, 0] *= 1 - 0.15 * face.frown * _BROWS_IN
    mouth = flat[_MOUTH]
    reach = np.abs(mouth[:, 0]) / np.abs(mouth[:, 0]).max()
    narrow = (1 + 0.22 * face.smile) * (1 - 0.3 * face.pucker) * (1 - 0.06 * face.mouth_open)
    mouth[:, 0] *= narrow
    mouth[:, 1] -= 0.8 * face.smile * (reach**2 - 0.25)
    flat[_MOUTH] = mouth
    return flat
