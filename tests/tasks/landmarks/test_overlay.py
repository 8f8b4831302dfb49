import numpy as np
import pytest
from square_faces import POINTS, SCHEME

from tasks.landmarks.overlay import BOX, LINE, POINT, draw_faces, side_by_side, zoom_of

BLACK = np.zeros((40, 50, 3), np.uint8)


def lit(picture):
    """Places x, y of all pixels that are not black."""
    rows, columns = np.nonzero(picture.any(axis=2))
    return {(int(x), int(y)) for x, y in zip(columns, rows, strict=True)}


def test_points_and_lines_stand_where_they_are():
    picture = draw_faces(BLACK, [POINTS], SCHEME)
    assert not BLACK.any()
    for x, y in POINTS.astype(int):
        assert tuple(picture[y, x]) == POINT
    np.testing.assert_allclose(picture[20, 15], LINE, atol=25)  # between the corners of the mouth, smoothed
    assert lit(picture) < {(x, y) for x in range(8, 23) for y in range(8, 23)}


def test_zoom_keeps_points_in_the_middle_of_their_pixels():
    """Pixel 7 becomes 21, 22 and 23: its middle is 22."""
    picture = draw_faces(BLACK, [np.full((5, 2), 7.0)], SCHEME, zoom=3)
    assert picture.shape == (120, 150, 3)
    weight = picture.sum(axis=2)
    middle = [(weight.sum(axis=axis) * np.arange(weight.shape[1 - axis])).sum() / weight.sum() for axis in (0, 1)]
    np.testing.assert_allclose(middle, [22, 22], atol=0.35)


def test_boxes_are_framed():
    picture = draw_faces(BLACK, [], SCHEME, boxes=[np.array([5, 6, 30, 20])])
    for x, y in ((15, 6), (15, 20), (5, 10), (30, 10)):
        np.testing.assert_allclose(picture[y, x], BOX, atol=25)
    assert not picture[10, 15].any()


def test_points_far_outside_are_not_drawn_and_do_no_harm():
    assert not lit(draw_faces(BLACK, [np.full((5, 2), 1e9)], SCHEME))


@pytest.mark.parametrize(("width", "zoom"), [(40, 8), (160, 2), (161, 2), (319, 2), (320, 1), (4000, 1)])
def test_small_images_are_enlarged_to_320_pixels(width, zoom):
    assert zoom_of(np.zeros((10, width, 3), np.uint8)) == zoom


def test_one_picture_stands_alone_and_several_beside_the_image():
    picture = draw_faces(BLACK, [POINTS], SCHEME, zoom=2)
    assert side_by_side(BLACK, {"network": picture}) is picture
    both = side_by_side(BLACK, {"teacher": picture, "student": picture})
    assert both.shape[1] > 3 * picture.shape[1]
