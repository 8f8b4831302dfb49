"""Pictures of heads: what is drawn lies where the points are."""

from dataclasses import replace

import numpy as np
import pytest

from data_prep.landmarks.face_look import Look
from data_prep.landmarks.face_modes import Expression, Identity, Pose
from data_prep.landmarks.face_render import View, draw_head, fit_view
from data_prep.landmarks.face_shape import Head

SIDE = 320
BACKGROUND = np.array([255, 0, 255], np.uint8)
POSES = [Pose(), Pose(25, 0, 0), Pose(-20, 12, 15), Pose(30, -15, -20)]


@pytest.fixture
def look():
    """An evenly lit grey face without hair, glasses or beard."""
    grey = ("skin", "brow", "lips", "iris", "white", "teeth", "lashes", "shirt")
    return replace(
        Look.sample(np.random.default_rng(0)),
        **{name: np.full(3, 120.0) for name in grey},
        patchy=np.ones((4, 4)),
        blush=0.0,
        beard=0.0,
        moustache=0.0,
        folds=0.0,
        glint=False,
        hair_style="bald",
        glasses=False,
        neck=0.01,
        brow_strength=1.0,
        ambient=1.0,
        diffuse=0.0,
        light_colour=np.ones(3),
    )


def drawn(head, look):
    """The picture, and the points on it."""
    view = fit_view(head, SIDE, 0.7, (0.0, 0.0))
    canvas = np.broadcast_to(BACKGROUND, (SIDE, SIDE, 3)).copy()
    draw_head(canvas, head, view, look)
    return canvas, view.project(head.points)


def extent(mask):
    """Where a mask begins and ends, x0, y0, x1, y1."""
    rows, columns = np.nonzero(mask)
    return np.array([columns.min(), rows.min(), columns.max(), rows.max()])


def greenish(canvas):
    return canvas[..., 1].astype(int) - canvas[..., 0] > 25


def box(points):
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


@pytest.mark.parametrize("pose", POSES)
def test_lips_are_drawn_between_their_points(look, pose):
    head = Head(expression=Expression(smile=0.5), pose=pose)
    canvas, points = drawn(head, replace(look, lips=np.array([0.0, 200, 0])))
    np.testing.assert_allclose(extent(greenish(canvas)), box(points[48:60]), atol=2.5)


@pytest.mark.parametrize("pose", POSES)
def test_eyes_are_drawn_between_their_points(look, pose):
    green = np.array([0.0, 200, 0])
    head = Head(expression=Expression(eyes_open=(1.2, 1.2)), pose=pose)
    canvas, points = drawn(head, replace(look, white=green, iris=green * 0.9, lashes=green))
    mask = greenish(canvas)
    seam = points[27:29].mean(axis=0)[0].round().astype(int)
    for part, eye, start in ((mask[:, :seam], points[36:42], 0), (mask[:, seam:], points[42:48], seam)):
        np.testing.assert_allclose(extent(part) + np.array([start, 0, start, 0]), box(eye), atol=3.5)


@pytest.mark.parametrize("pose", POSES)
def test_brows_are_drawn_along_their_points(look, pose):
    canvas, points = drawn(Head(pose=pose), replace(look, brow=np.array([0.0, 200, 0]), brow_width=0.5))
    x, y = np.rint(points[[18, 19, 20, 21, 22, 23, 24, 25]]).astype(int).T
    assert greenish(canvas)[y, x].all()
    np.testing.assert_allclose(extent(greenish(canvas))[[0, 2]], box(points[17:27])[[0, 2]], atol=3)


@pytest.mark.parametrize("yaw", [-35, -20, 20, 35])
def test_hidden_side_of_the_jaw_is_the_edge_of_what_is_drawn(look, yaw):
    head = Head(pose=Pose(yaw, 5, 10))
    canvas, points = drawn(head, look)
    is_face = (canvas != BACKGROUND).any(axis=-1)
    out = head.pose.rotation[:2, 0] * np.sign(yaw) / np.linalg.norm(head.pose.rotation[:2, 0])
    for point in range(10, 14) if yaw > 0 else range(3, 7):
        for distance, expected in ((-3, True), (3, False)):
            x, y = np.rint(points[point] + distance * out).astype(int)
            assert is_face[y, x] == expected, (point, distance)


def test_front_of_the_jaw_is_the_edge_of_what_is_drawn(look):
    canvas, points = drawn(Head(), look)
    is_face = (canvas != BACKGROUND).any(axis=-1)
    chin = points[8].round().astype(int)
    assert is_face[chin[1] - 3, chin[0]]
    left, right = (np.flatnonzero(is_face[round(points[5, 1])])[k] for k in (0, -1))
    assert left == pytest.approx(points[5, 0], abs=2)
    assert right == pytest.approx(points[11, 0], abs=2)


@pytest.mark.parametrize(("yaw", "seen"), [(0, True), (-30, True), (40, False)])
def test_nose_of_a_turned_head_hides_a_part_of_the_far_eye(look, yaw, seen):
    green = np.array([0.0, 200, 0])
    person = Identity(nose_depth=1.2, eye_distance=-0.5, eye_height=1.8)
    canvas, points = drawn(Head(person, pose=Pose(yaw)), replace(look, white=green, iris=green, lashes=green))
    x, y = (points[42:48].mean(axis=0) * 0.4 + points[47] * 0.6).round().astype(int)
    assert greenish(canvas)[y, x] == seen


def test_nose_is_drawn_over_the_far_cheek(look):
    # The light comes from the far side: the near flank of the nose is dark, the cheek behind it is bright.
    look = replace(look, light=np.array([0.9, 0.0, 0.44]), ambient=0.2, diffuse=0.8)
    head = Head(Identity(nose_depth=1.2), pose=Pose(40))
    view = fit_view(head, SIDE, 0.7, (0.0, 0.0))
    canvas = drawn(head, look)[0]
    flank, cheek = view.project(head.on_face(np.array([-0.6, 3.9]), np.array([3.2, 3.2]))).round().astype(int)
    assert canvas[flank[1], flank[0], 0] < 0.6 * canvas[cheek[1], cheek[0], 0]


def test_light_from_the_left_makes_the_left_brighter(look):
    light = np.array([-0.8, 0.0, 0.6])
    canvas, points = drawn(Head(), replace(look, light=light, ambient=0.3, diffuse=0.7))
    cheeks = [
        canvas[round(y), round(x)].sum() for x, y in ((points[2] + points[31]) / 2, (points[14] + points[35]) / 2)
    ]
    assert cheeks[0] > 1.5 * cheeks[1]


def test_view_fits_the_points_into_their_share_of_the_picture():
    head = Head(pose=Pose(20, 10, 5))
    points = fit_view(head, 100, 0.6, (0.05, -0.1)).project(head.points)
    low, high = points.min(axis=0), points.max(axis=0)
    assert (high - low).max() == pytest.approx(60)
    np.testing.assert_allclose((low + high) / 2, [49.5 + 5, 49.5 - 10])


def test_finer_view_puts_points_at_the_same_places():
    view = View(np.eye(3), 2.0, np.array([10.0, 20.0]))
    point = np.array([1.0, -2.0, 3.0])
    np.testing.assert_allclose((view.finer(2).project(point) + 0.5) / 2 - 0.5, view.project(point))
