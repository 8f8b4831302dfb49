"""The head in space: symmetry, sizes, expressions, poses, and which outline the jaw's points are on."""

import numpy as np
import pytest

from common.landmark_files import SCHEMES
from data_prep.landmarks.face_modes import Expression, Identity, Pose
from data_prep.landmarks.face_shape import CHIN, EARS, Head, smooth_curve

SCHEME = SCHEMES["68"]
MIRROR = np.array([-1, 1, 1])


def on_picture(head):
    """Points of a head turned, but neither scaled nor moved, ``[68, 2]``, cm."""
    return head.points @ head.pose.rotation[:2].T


def test_mean_face_is_its_own_mirror_image():
    points = Head().points
    np.testing.assert_allclose(points[list(SCHEME.flip)] * MIRROR, points, atol=1e-12)


@pytest.mark.parametrize("pose", [(30, 0, 0), (-15, 12, 8), (40, -20, 20)])
def test_heads_turned_to_either_side_are_mirror_images(pose):
    yaw, pitch, roll = pose
    points, mirrored = Head(pose=Pose(yaw, pitch, roll)).points, Head(pose=Pose(-yaw, pitch, -roll)).points
    np.testing.assert_allclose(mirrored[list(SCHEME.flip)] * MIRROR, points, atol=1e-9)


def test_mean_face_has_the_sizes_of_a_face():
    x, y, z = Head().points.T
    assert x[45] - x[36] == pytest.approx(9.1)  # outer corners of the eyes
    assert x[16] - x[0] == pytest.approx(14.4)  # cheekbones
    assert y[8] == pytest.approx(11.5)  # from the eyes to the chin
    assert z[30] == z.max()  # the tip of the nose stands out most
    assert 1.5 < z[30] - z[33] < 3
    assert (np.diff(x[:17]) > 0).all()  # the jaw runs from left to right
    assert (np.diff(y[:9]) > 0).all()  # and down to the chin
    heights = [y[17:27].max(), y[36:48].min(), y[27:31].max(), y[31:36].min(), y[48:60].min(), y[8]]
    assert heights == sorted(heights)  # brows, eyes, nose, mouth, chin from above


def test_people_differ_in_all_modes_and_look_human():
    rng = np.random.default_rng(0)
    heads = [Head(Identity.sample(rng), Expression.sample(rng)) for _ in range(200)]
    points = np.stack([head.points for head in heads])
    ratio = SCHEME.distance(points[..., :2]) / (points[:, 16, 0] - points[:, 0, 0])
    assert 0.5 < ratio.min() < 0.6 < ratio.mean() < 0.7 < ratio.max() < 0.8
    assert (points.std(axis=0)[:, :2].max(axis=1) > 0.05).all()
    middles = points[:, :, 1]
    assert (middles[:, 17:27].mean(axis=1) < middles[:, 36:48].mean(axis=1)).all()
    assert (middles[:, 33] < middles[:, 51]).mean() > 0.98
    assert (middles[:, 57] < middles[:, 8]).all()


def test_yaw_turns_to_the_right_pitch_up_and_roll_clockwise():
    front = on_picture(Head())
    assert (on_picture(Head(pose=Pose(yaw=20))) - front)[30, 0] > 2
    assert (on_picture(Head(pose=Pose(pitch=10))) - front)[30, 1] < -1
    eyes = on_picture(Head(pose=Pose(roll=15)))[[36, 45]]
    assert np.rad2deg(np.arctan2(*(eyes[1] - eyes[0])[::-1])) == pytest.approx(15)


def test_rotation_has_no_scale():
    rotation = Pose(33, -17, 9).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


@pytest.mark.parametrize("pose", [(35, 0, 0), (25, 15, -20), (40, -20, 10)])
def test_hidden_side_of_the_jaw_is_where_its_row_reaches_farthest(pose):
    head = Head(pose=Pose(*pose))
    down = head.pose.rotation[:2, 1]
    across = np.array([down[1], -down[0]])  # to the right, square to the head's up
    for point in range(9, 15):
        ring = head.at(np.full(2001, EARS + 16.0 - point), np.linspace(0, 1, 2001)) @ head.pose.rotation[:2].T @ across
        reached = head.points[point] @ head.pose.rotation[:2].T @ across
        assert reached == pytest.approx(ring.max(), abs=0.01)


def test_near_side_of_the_jaw_stays_on_the_jaw():
    turned, front = Head(pose=Pose(yaw=30)).points, Head().points
    np.testing.assert_allclose(turned[:8], front[:8])
    assert (np.linalg.norm(turned[9:17] - front[9:17], axis=1) > 0.5).sum() >= 6


def test_points_in_the_middle_of_the_face_do_not_depend_on_the_pose():
    middle = [8, *range(27, 36), *range(48, 68)]
    np.testing.assert_array_equal(Head(pose=Pose(40, -20, 20)).points[middle], Head().points[middle])


def test_open_mouth_lowers_lip_and_chin_but_not_the_eyes():
    moved = Head(expression=Expression(mouth_open=2.0)).points - Head().points
    np.testing.assert_allclose(moved[[62, 66, 57], 1], [0, 2, 2], atol=1e-12)
    assert moved[8, 1] == pytest.approx(0.8 * 2)
    assert np.abs(moved[17:48]).max() < 0.05


def test_shut_eyes_have_their_lids_together():
    points = Head(expression=Expression(eyes_open=(0.0, 1.0))).points
    np.testing.assert_allclose(points[[37, 38], 1], points[[41, 40], 1])
    assert (points[[46, 47], 1] - points[[44, 43], 1] > 1).all()


def test_smile_raises_and_spreads_the_corners_of_the_mouth():
    moved = Head(expression=Expression(smile=1.0)).points - Head().points
    assert moved[48, 0] < -0.3
    assert moved[54, 0] > 0.3
    assert (moved[[48, 54], 1] < -0.5).all()


def test_points_lie_on_the_surface():
    head = Head()
    np.testing.assert_allclose(head.on_face(*head.points[27:48, :2].T), head.points[27:48])
    np.testing.assert_allclose(head.at(np.array([EARS, CHIN]), np.array([-1.0, 0.0])), head.points[[0, 8]])


def test_people_and_expressions_depend_on_the_generator_alone():
    first, second = (
        (Identity.sample(rng), Expression.sample(rng), Pose.sample(rng)) for rng in map(np.random.default_rng, (4, 4))
    )
    assert first == second
    poses = [Pose.sample(np.random.default_rng(seed)) for seed in range(300)]
    for name, limit in (("yaw", 40), ("pitch", 20), ("roll", 20)):
        reached = [abs(getattr(pose, name)) for pose in poses]
        assert 0.8 * limit < max(reached) <= limit


@pytest.mark.parametrize("closed", [False, True])
def test_smooth_curve_goes_through_its_points(closed):
    points = np.random.default_rng(0).normal(size=(6, 2))
    curve = smooth_curve(points, 5, closed)
    assert len(curve) == (30 if closed else 26)
    np.testing.assert_allclose(curve[::5], points, atol=1e-12)


def test_smooth_curve_keeps_a_line_straight():
    line = np.arange(5.0)[:, None] * [1, 2]
    np.testing.assert_allclose(smooth_curve(line, 4), np.arange(0, 4.25, 0.25)[:, None] * [1, 2], atol=1e-12)
