"""What is seen of things that lie on each other, by hand, and what scenes hold."""

import numpy as np
import pytest

from data_prep.det.scene import FINER, Place, draw_sample, visible
from data_prep.det.things import CLASSES

SIZE = 160  # then lengths are in pixels


def block(x, y, width, kind="rectangle"):
    """A square thing that covers pixels x .. x + width of the picture."""
    return Place(kind, (x * FINER, y * FINER), np.ones((width * FINER, width * FINER), np.float32))


@pytest.fixture(scope="module")
def samples():
    return [draw_sample(np.random.default_rng([7, number]), SIZE, "train") for number in range(40)]


def test_box_of_a_thing_in_sight_is_the_pixels_that_it_covers():
    kept, boxes = visible([block(10, 20, 30)], SIZE)
    assert len(kept) == 1
    assert boxes.tolist() == [[10, 20, 40, 50]]


def test_box_is_of_the_visible_part():
    """The upper thing hides the lower one's right half."""
    _, boxes = visible([block(10, 20, 30), block(25, 15, 40)], SIZE)
    assert boxes.tolist() == [[10, 20, 25, 50], [25, 15, 65, 55]]


def test_frame_cuts_boxes():
    _, boxes = visible([block(-10, 150, 30)], SIZE)  # 20 of 30 columns and 10 of 30 rows: 2 / 9 are seen
    assert boxes.tolist() == []
    _, boxes = visible([block(-10, 145, 30)], SIZE)  # 20 and 15: 1 / 3
    assert boxes.tolist() == [[0, 145, 20, 160]]


@pytest.mark.parametrize(("shown", "stays"), [(8, False), (10, True)])  # of 30 columns: 27 % and 33 %
def test_thing_that_is_hidden_more_than_seventy_percent_is_taken_out(shown, stays):
    kept, boxes = visible([block(10, 20, 30), block(10 + shown, 20, 30)], SIZE)
    assert len(kept) == len(boxes) == 1 + stays


def test_what_lies_beneath_a_thing_that_is_taken_out_is_seen():
    """The middle thing is hidden by the uppermost one, so the lowest is not hidden by it."""
    lowest, middle, upper = block(10, 10, 20), block(28, 10, 20), block(30, 8, 24)
    kept, boxes = visible([lowest, middle, upper], SIZE)
    assert [place.corner for place in kept] == [lowest.corner, upper.corner]
    assert boxes.tolist() == [[10, 10, 30, 30], [30, 8, 54, 32]]


def test_thing_whose_box_is_too_small_is_taken_out():
    kept, boxes = visible([block(10, 10, 12), block(15, 5, 40)], SIZE)  # 5 of 12 columns are seen, 42 %
    assert len(kept) == len(boxes) == 1


def test_distractors_hide_but_have_no_boxes():
    kept, boxes = visible([block(10, 20, 30), block(25, 15, 40, "cross")], SIZE)
    assert len(kept) == 2
    assert boxes.tolist() == [[10, 20, 25, 50]]


def test_scenes_hold_every_class_in_boxes_of_all_sizes(samples):
    for sample in samples:
        assert sample.image.shape == (SIZE, SIZE, 3)
        assert sample.image.dtype == np.uint8
        assert len(sample.boxes) == len(sample.labels) <= 14
        assert (sample.boxes[:, :2] >= 0).all()
        assert (sample.boxes[:, 2:] <= SIZE).all()
        assert (sample.boxes[:, 2:] - sample.boxes[:, :2] >= 6).all()
        assert (sample.boxes[:, 2:] - sample.boxes[:, :2] <= 62).all()
    labels = np.concatenate([sample.labels for sample in samples])
    assert np.bincount(labels, minlength=len(CLASSES)).min() > 0.08 * len(labels)
    assert 6 < len(labels) / len(samples) < 11
    sides = np.concatenate([(sample.boxes[:, 2:] - sample.boxes[:, :2]).max(axis=1) for sample in samples])
    assert np.percentile(sides, 20) < 20
    assert np.percentile(sides, 90) > 38


def test_things_overlap(samples):
    overlapping = 0
    for sample in samples:
        corners = sample.boxes.astype(float)
        first, last = (
            np.maximum(corners[:, None, :2], corners[:, :2]),
            np.minimum(corners[:, None, 2:], corners[:, 2:]),
        )
        shared = np.clip(last - first, 0, None).prod(axis=-1)
        np.fill_diagonal(shared, 0)
        overlapping += (shared.max(axis=1) > 0).sum()
    assert overlapping > 0.35 * sum(len(sample.boxes) for sample in samples)


def test_pictures_are_as_bright_as_pictures(samples):
    assert 50 < np.mean([sample.image.mean() for sample in samples]) < 150
    assert min(sample.image.std() for sample in samples) > 10


def test_things_grow_with_the_picture():
    small, large = (draw_sample(np.random.default_rng(3), size, "val") for size in (SIZE, 2 * SIZE))
    assert small.labels.tolist() == large.labels.tolist()
    np.testing.assert_allclose(2 * small.boxes, large.boxes, atol=4)
