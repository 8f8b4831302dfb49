import numpy as np
import pytest
from cell_scenes import CELL, CLASSES, DUST, PALETTE

from tasks.det.boxes import Detections, Objects
from tasks.det.error_types import sort_image
from tasks.det.pictures import (
    FOUND,
    IGNORED,
    LEGEND_HEIGHT,
    MISSED,
    ONLY_HERE,
    TILE,
    WRONG,
    Mark,
    choose_images,
    comparison_picture,
    draw_marks,
    gain_sheet,
    object_gains,
    outcome_marks,
    truth_marks,
)

IMAGE = np.full((48, 64, 3), 190, np.uint8)
OBJECTS = Objects([CELL, DUST, [0, 30, 20, 46]], [0, 1, 0], [False, False, True])


def became(*found):
    boxes, scores, labels = ([each[part] for each in found] for part in range(3))
    return sort_image(OBJECTS, Detections(boxes, scores, labels))


BOTH, CELL_ONLY = became((CELL, 0.9, 0), (DUST, 0.8, 1)), became((CELL, 0.7, 0), (DUST, 0.6, 0))
DUST_ONLY = became((DUST, 0.5, 1))


def coloured(picture, colour) -> int:
    return int((picture == colour).all(axis=-1).sum())


def test_marks_tell_found_wrong_and_missed_apart():
    assert [(mark.colour, mark.text, mark.dashed) for mark in outcome_marks(CELL_ONLY, CLASSES)] == [
        (WRONG, "cell 0.60 classification", False),
        (MISSED, "dust", True),
        (FOUND, "cell 0.70", False),
    ]


def test_what_the_reference_misses_is_marked():
    marks = outcome_marks(BOTH, CLASSES, reference=CELL_ONLY)
    assert [(mark.colour, mark.thick) for mark in marks] == [(FOUND, False), (ONLY_HERE, True)]


def test_true_objects_have_the_colours_of_their_classes_and_ignored_ones_are_grey():
    marks = truth_marks(BOTH, CLASSES, PALETTE)
    assert [mark.colour for mark in marks] == [tuple(PALETTE[0]), tuple(PALETTE[1]), IGNORED]
    assert [mark.text for mark in marks] == ["cell", "dust", "cell (ignored)"]


@pytest.mark.parametrize(("width", "expected"), [(64, 512), (640, 640), (1500, 960)])
def test_small_images_are_enlarged_by_a_whole_factor_and_large_ones_reduced(width, expected):
    picture = draw_marks(np.zeros((100, width, 3), np.uint8), [])
    assert picture.shape == (round(100 * expected / width), expected, 3)


def test_a_box_lies_where_its_pixels_are():
    image = np.zeros((480, 480, 3), np.uint8)
    picture = draw_marks(image, [Mark([100, 200, 300, 400], FOUND)])
    rows, columns = np.nonzero((picture == FOUND).all(axis=-1))
    # Lines are two pixels wide, and lie on the box's outermost pixels.
    assert np.abs(np.array([columns.min(), rows.min(), columns.max(), rows.max()]) - [100, 200, 299, 399]).max() <= 1
    assert not image.any()


def test_a_window_shows_its_part_and_leaves_boxes_outside_of_it_out():
    image = np.zeros((100, 100, 3), np.uint8)
    image[50:60, 50:60] = 255
    picture = draw_marks(image, [Mark([0, 0, 20, 20], WRONG)], window=(50, 50, 60, 60), width=100)
    assert picture.shape == (100, 100, 3)
    assert picture.min() == 255


def test_dashed_lines_have_gaps():
    lines = [draw_marks(IMAGE, [Mark([8, 8, 56, 40], MISSED, dashed=dashed)]) for dashed in (True, False)]
    dashed, whole = (coloured(picture, MISSED) for picture in lines)
    assert 0.3 * whole < dashed < 0.8 * whole


def test_comparison_shows_every_network_with_what_only_it_finds():
    alone = comparison_picture(IMAGE, {"plain": CELL_ONLY}, CLASSES, PALETTE)
    beside = comparison_picture(IMAGE, {"plain": CELL_ONLY, "acam": BOTH}, CLASSES, PALETTE)
    assert beside.shape[1] > 1.4 * alone.shape[1]
    drawn = beside[:-LEGEND_HEIGHT]
    assert all(coloured(drawn, colour) > 500 for colour in (FOUND, WRONG, MISSED, ONLY_HERE))
    assert coloured(alone, ONLY_HERE) == 0


def test_images_are_chosen_by_turns_for_and_against_the_last_network():
    first = [CELL_ONLY, BOTH, DUST_ONLY, BOTH]
    last = [BOTH, CELL_ONLY, BOTH, BOTH]
    chosen = choose_images([first, [BOTH] * 4, last], 3)
    assert [index for index, _ in chosen] == [0, 1, 2]
    assert "best against the first (1 objects found that the first misses, 0 the other" in chosen[0][1]
    assert "worst against the first (0 objects found that the first misses, 1 the other" in chosen[1][1]
    assert sorted(index for index, _ in choose_images([first, last], 9)) == [0, 1, 2, 3]


def test_images_of_a_single_network_are_evenly_spread():
    assert [index for index, _ in choose_images([[BOTH] * 8], 4)] == [0, 2, 4, 6]


def test_gains_are_the_objects_that_only_one_network_finds_surest_first():
    gains = object_gains([BOTH, BOTH, BOTH], [DUST_ONLY, BOTH, CELL_ONLY])
    assert [tuple(gain) for gain in gains] == [(0, 0, 0.9), (2, 1, 0.8)]
    assert object_gains([CELL_ONLY], [BOTH]) == []


def test_a_sheet_shows_each_object_as_both_networks_see_it():
    sides = {"plain": CELL_ONLY, "acam": BOTH}
    one = gain_sheet([(IMAGE, "dust, a", 1, sides)], CLASSES)
    three = gain_sheet([(IMAGE, "dust, a", 1, sides)] * 3, CLASSES)
    assert one.shape[1] == pytest.approx(2 * TILE, abs=40)
    assert three.shape[1] == pytest.approx(4 * TILE, abs=60)
    assert three.shape[0] > 1.9 * one.shape[0]
    left, right = one[:, : one.shape[1] // 2], one[:, one.shape[1] // 2 :]
    assert coloured(left, MISSED) > 100
    assert coloured(left, FOUND) == 0
    assert coloured(right, FOUND) > 100
    assert coloured(right, MISSED) == 0
