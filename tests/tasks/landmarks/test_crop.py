"""Crops and the maps into them."""

import cv2
import numpy as np
import pytest

from tasks.landmarks.crop import (
    apply,
    compose,
    in_pixels,
    invert,
    joint_box,
    normalised,
    square_crop,
    stretched_crop,
    warp,
)

BOX = (10.0, 20.0, 50.0, 40.0)


def test_square_crop_puts_the_middle_of_the_box_in_the_middle_and_its_longer_side_inside_the_margin():
    matrix = square_crop(BOX, size=100, margin=0.25)
    middle, left, right = apply(matrix, np.array([[30.0, 30.0], [10.0, 30.0], [50.0, 30.0]]))
    assert middle == pytest.approx([49.5, 49.5])
    # 40 pixels and a margin of 10 on each side fill 100: a pixel becomes 100 / 60.
    assert left == pytest.approx([49.5 - 20 * 100 / 60, 49.5])
    assert right == pytest.approx([49.5 + 20 * 100 / 60, 49.5])


def test_rotation_turns_clockwise_on_the_screen():
    matrix = square_crop(BOX, size=100, rotation=90)
    middle, right = apply(matrix, np.array([[30.0, 30.0], [50.0, 30.0]]))
    below = right - middle
    assert below == pytest.approx([0, np.hypot(*below)], abs=1e-9)
    assert below[1] > 0


def test_scale_and_shift_are_shares_of_the_crop():
    plain, moved = square_crop(BOX, 100), square_crop(BOX, 100, scale=1.2, shift=(0.1, -0.05))
    points = np.array([[30.0, 30.0], [50.0, 30.0]])
    before, after = apply(plain, points), apply(moved, points)
    assert after[0] - before[0] == pytest.approx([10, -5])
    assert after[1] - after[0] == pytest.approx(1.2 * (before[1] - before[0]))


def test_flip_mirrors_the_crop():
    plain, mirrored = square_crop(BOX, 64, rotation=12), square_crop(BOX, 64, rotation=12, flip=True)
    points = np.array([[12.0, 21.0], [47.0, 33.0]])
    expected = apply(plain, points) * (-1, 1) + (63, 0)
    assert apply(mirrored, points) == pytest.approx(expected)


def test_a_mirrored_picture_is_the_crop_of_the_mirror_map():
    image = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    plain = warp(image, square_crop(BOX, 32, margin=0.5), 32)
    mirrored = warp(image, square_crop(BOX, 32, margin=0.5, flip=True), 32)
    assert np.abs(mirrored[:, ::-1].astype(int) - plain).max() <= 8  # OpenCV's maps are in 1/32 of a pixel


def test_stretched_crop_fills_the_square_with_the_box_and_its_pixels():
    matrix = stretched_crop(BOX, size=224, pixels=10)
    corners = apply(matrix, np.array([[0.0, 10.0], [60.0, 50.0]]))
    assert corners == pytest.approx(np.array([[-0.5, -0.5], [223.5, 223.5]]))


def test_a_stretched_crop_is_varied_after_it_is_stretched():
    """The box with 10 pixels around it is 60 x 40 and fills 100 x 100; a quarter turn takes right to below."""
    points = np.array([[30.0, 30.0], [60.0, 30.0], [30.0, 50.0]])
    turned = apply(stretched_crop(BOX, 100, 10, rotation=90), points)
    assert turned == pytest.approx(np.array([[49.5, 49.5], [49.5, 99.5], [-0.5, 49.5]]))
    moved = apply(stretched_crop(BOX, 100, 10, scale=1.2, shift=(0.1, -0.05)), points)
    assert moved == pytest.approx(np.array([[59.5, 44.5], [119.5, 44.5], [59.5, 104.5]]))
    mirrored = apply(stretched_crop(BOX, 100, 10, flip=True), points)
    assert mirrored == pytest.approx(np.array([[49.5, 49.5], [-0.5, 49.5], [49.5, 99.5]]))


def test_joint_box_holds_both_boxes_and_no_more():
    assert joint_box((1, 5, 4, 9), (2, 3, 8, 7)).tolist() == [1, 3, 8, 9]


@pytest.mark.parametrize("side", [300, 40])
def test_a_dot_lands_where_the_map_says(side):
    """Also where the image is shrunk to less than half, by means over areas."""
    image = np.zeros((side, side, 3), np.uint8)
    place = np.array([[0.4 * side, 0.7 * side]])
    cv2.circle(image, tuple(int(value) for value in place[0].round()), max(side // 20, 2), (255, 255, 255), -1)
    matrix = square_crop((0, 0, side, side), size=32, margin=0.1)
    crop = warp(image, matrix, 32)[..., 0].astype(float)
    y, x = np.indices(crop.shape)
    found = np.array([(x * crop).sum(), (y * crop).sum()]) / crop.sum()
    assert found == pytest.approx(apply(matrix, place.round())[0], abs=0.15)


def test_shrinking_averages_over_what_is_lost():
    noise = np.random.default_rng(0).integers(0, 256, (640, 640, 3)).astype(np.uint8)
    crop = warp(noise, square_crop((0, 0, 640, 640), 32, margin=0.0), 32)
    # A mean of 20 x 20 independent pixels deviates by 74 / 20; reading single ones would give 74.
    assert crop[2:-2, 2:-2].std() < 8


def test_a_crop_of_whole_steps_is_the_means_of_its_squares():
    image = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    crop = warp(image, np.array([[0.25, 0, -0.375], [0, 0.25, -0.375]]), 32)  # 4 x 4 pixels become one
    means = image[:128, :128].reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(crop[:30, :30] - means[:30, :30]).max() <= 0.5


@pytest.mark.parametrize("rotation", [0, 30])
def test_a_small_part_of_a_large_image_gives_the_same_crop_as_all_of_it(rotation):
    """But for where the means start."""
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (400, 600, 3)).astype(np.uint8), (0, 0), 5)
    matrix = square_crop((200, 120, 320, 240), 32, rotation=rotation)
    whole = cv2.resize(image, (150, 100), interpolation=cv2.INTER_AREA)
    expected = cv2.warpAffine(whole, compose(matrix, np.array([[4, 0, 1.5], [0, 4, 1.5]])), (32, 32))
    assert np.abs(warp(image, matrix, 32).astype(float) - expected).max() < 4


def test_large_images_are_not_shrunk_as_a_whole(monkeypatch):
    sizes, resize = [], cv2.resize
    monkeypatch.setattr(
        cv2, "resize", lambda image, *args, **kwargs: sizes.append(image.shape) or resize(image, *args, **kwargs)
    )
    warp(np.zeros((2000, 3000, 3), np.uint8), square_crop((100, 100, 200, 200), 32), 32)
    (shape,) = sizes
    assert max(shape) < 200


@pytest.mark.parametrize("box", [[-40, -30, 60, 50], [250, 150, 400, 300], [-900, -900, -800, -800], [0, 0, 299, 199]])
def test_a_crop_is_black_outside_of_the_image(box):
    matrix = square_crop(box, 16)
    crop = warp(np.full((200, 300, 3), 200, np.uint8), matrix, 16)
    y, x = np.indices((16, 16))
    places = apply(invert(matrix), np.stack([x, y], axis=-1).reshape(-1, 2)).reshape(16, 16, 2)
    beyond = np.maximum(-places, places - (299, 199)).max(axis=-1) * 16 / (1.5 * max(box[2] - box[0], box[3] - box[1]))
    assert not crop[beyond > 1].any()
    assert (crop[beyond < -1] == 200).all()


def test_invert_and_compose_lead_back():
    matrix = square_crop(BOX, 64, rotation=33, scale=1.1, flip=True)
    points = np.random.default_rng(0).normal(size=(5, 2))
    assert apply(invert(matrix), apply(matrix, points)) == pytest.approx(points)
    assert compose(invert(matrix), matrix) == pytest.approx(np.eye(2, 3), abs=1e-12)


def test_many_maps_are_applied_at_once():
    maps = np.stack([square_crop(BOX, 64), square_crop(BOX, 64, rotation=10)])
    points = np.random.default_rng(0).normal(size=(2, 5, 2))
    assert apply(maps, points)[1] == pytest.approx(apply(maps[1], points[1]))
    assert invert(maps)[1] == pytest.approx(invert(maps[1]))


def test_normalised_points_are_symmetric_about_the_middle():
    assert normalised(np.array([0.0, 31.5, 63.0]), 64) == pytest.approx([-0.5 + 0.5 / 64, 0, 0.5 - 0.5 / 64])
    assert in_pixels(normalised(np.array([3.0]), 64), 64) == pytest.approx([3.0])
