"""The renderer against geometry done by hand, and the flow against the pictures it belongs to."""

import numpy as np
import pytest

from common.palettes import CAMVID_CLASSES
from data_prep.seg.scene import GROUND, SKY, Camera, Scene, Surface, optical_flow
from data_prep.seg.street import StreetBuilder

WIDTH, HEIGHT, FOCAL = 64, 48, 50.0


def camera_at(centre, yaw=0.0):
    intrinsics = np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, (HEIGHT - 1) / 2], [0, 0, 1]])
    cosine, sine = np.cos(yaw), np.sin(yaw)
    rotation = np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    return Camera(intrinsics, rotation, np.array(centre, float), (WIDTH, HEIGHT))


def scene_of(*surfaces):
    def shade(x, z, inverse_depth):
        return np.full((len(x), 3), 90, np.float32), np.where(x > 0, 4, 3).astype(np.uint8)

    sky = np.full((8, 8, 4), 200, np.uint8)
    return Scene(list(surfaces), shade, sky, 0, 0.0, np.zeros(3), np.ones(3))


def board(left, top, width, height, z, velocity=(0, 0, 0), label=1):
    texture = np.full((16, 16, 4), 255, np.uint8)
    edges = np.array([width, 0, 0.0]), np.array([0, height, 0.0])
    return Surface(np.array([left, -top, z], float), *edges, texture, label, np.array(velocity, float))


def test_board_covers_the_pixels_of_its_projection():
    view = scene_of(board(-1, 3, 2, 2, z=10)).render(camera_at((0, -2, 0)), 0)
    rows, columns = np.nonzero(view.label == 1)
    # +-1 m at 10 m: +-5 pixels around the centre 31.5 and 23.5
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (27, 36, 19, 28)
    assert len(rows) == 100


def test_nearer_board_hides_the_farther_one_whatever_the_order():
    near, far = board(-1, 3, 2, 2, z=8, label=1), board(-1, 3, 2, 2, z=12, label=2)
    for pair in ((near, far), (far, near)):
        assert scene_of(*pair).render(camera_at((0, -2, 0)), 0).label[24, 32] == 1


def test_ground_lies_below_the_horizon_and_sky_above():
    index = scene_of().render(camera_at((0, -1.5, 0)), 0).index
    assert (index[:23] == SKY).all()
    assert (index[26:] == GROUND).all()


def test_flow_of_a_moving_board_is_its_shift_on_the_screen():
    scene = scene_of(board(-1, 3, 2, 2, z=10, velocity=(0.4, 0, 0)))
    views = [scene.render(camera_at((0, -2, 0)), time) for time in (0, 1)]
    flow, valid = optical_flow(*views)
    seen = views[0].label == 1
    # 0.4 m at 10 m and 50 pixels focal length
    np.testing.assert_allclose(flow[seen], np.broadcast_to([2.0, 0.0], (100, 2)), atol=1e-5)
    assert valid[seen].all()
    # two columns of ground and sky to its right are hidden next, and nothing else
    assert (~valid).sum() == 20
    assert not valid[20:28, 37:39].any()


def test_flow_of_the_ground_follows_from_driving_forward():
    scene = scene_of()
    views = [scene.render(camera_at((0, -1.5, 0.5 * time)), time) for time in (0, 1)]
    flow, _ = optical_flow(*views)
    u, v = 40, 40
    z = FOCAL * 1.5 / (v - (HEIGHT - 1) / 2)
    x = (u - (WIDTH - 1) / 2) * z / FOCAL
    expected = FOCAL * x / (z - 0.5) + (WIDTH - 1) / 2 - u, FOCAL * 1.5 / (z - 0.5) + (HEIGHT - 1) / 2 - v
    np.testing.assert_allclose(flow[v, u], expected, atol=1e-4)


def test_sky_moves_only_when_the_camera_turns():
    scene = scene_of()
    first = scene.render(camera_at((0, -1.5, 0)), 0)
    ahead, _ = optical_flow(first, scene.render(camera_at((0, -1.5, 3)), 1))
    turned, _ = optical_flow(first, scene.render(camera_at((0, -1.5, 0), yaw=0.05), 1))
    assert np.abs(ahead[:20]).max() < 1e-4
    direction = np.arctan((10 - (WIDTH - 1) / 2) / FOCAL)
    np.testing.assert_allclose(turned[:20, 10, 0], FOCAL * np.tan(direction - 0.05) + (WIDTH - 1) / 2 - 10, atol=1e-4)


def test_pixels_that_leave_the_picture_are_not_valid():
    scene = scene_of(board(-40, 40, 80, 80, z=10, velocity=(1.0, 0, 0)))
    views = [scene.render(camera_at((0, -2, 0)), time) for time in (0, 1)]
    _, valid = optical_flow(*views)
    board_rows = valid[:30]  # the ground is nearer below
    # 1 m at 10 m is 5 pixels
    assert board_rows[:, :-5].all()
    assert not board_rows[:, -5:].any()


def test_surface_that_crosses_the_camera_plane_is_drawn_in_front_only():
    wall = board(2, 3, 1, 3, z=0)
    wall.origin, wall.edge_s = np.array([2.0, -3, -10]), np.array([0.0, 0, 60])
    label = scene_of(wall).render(camera_at((0, -1.5, 0)), 0).label
    assert (label[:, :32] != 1).all()
    assert (label[10:38, -1] == 1).all()


@pytest.fixture(scope="module", params=[0, 1, 2])
def clip(request):
    """Two views of a street, and the flow between them."""
    scene, ride = StreetBuilder(np.random.default_rng([7, request.param]), (160, 120), 2).build()
    views = [scene.render(ride.camera(time), time) for time in (0, 1)]
    return views, *optical_flow(*views)


def warp_nearest(array, flow):
    height, width = flow.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    columns = np.rint(x + flow[..., 0]).astype(int).clip(0, width - 1)
    return array[np.rint(y + flow[..., 1]).astype(int).clip(0, height - 1), columns]


def test_labels_of_the_next_frame_warp_to_those_of_this_frame(clip):
    (view, following), flow, valid = clip
    agreement = (warp_nearest(following.label, flow) == view.label)[valid].mean()
    standing_still = (following.label == view.label)[valid].mean()
    assert agreement > 0.99
    assert standing_still < 0.97
    assert valid.mean() > 0.7


def test_colours_of_the_next_frame_warp_to_those_of_this_frame(clip):
    (view, following), flow, valid = clip
    moving = valid & (np.abs(flow).max(axis=2) > 1.5)
    error = np.abs(warp_nearest(following.colour, flow) - view.colour)[moving].mean()
    wrong_way = np.abs(warp_nearest(following.colour, -flow) - view.colour)[moving].mean()
    assert error < 0.75 * wrong_way


def test_streets_hold_every_class_and_void():
    labels = set()
    for number in range(4):
        scene, ride = StreetBuilder(np.random.default_rng([3, number]), (160, 120), 1).build()
        labels |= set(np.unique(scene.render(ride.camera(0), 0).label).tolist())
    assert labels == set(range(len(CAMVID_CLASSES) + 1))
