import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from tasks.det.boxes import Detections, Objects, match, overlaps

NOTHING = np.zeros((0, 4))


def test_overlaps_agree_with_torchvision():
    rng = np.random.default_rng(0)
    boxes, others = (np.sort(rng.uniform(0, 50, (n, 2, 2)), axis=1).reshape(n, 4) for n in (7, 5))
    expected = box_iou(torch.tensor(boxes), torch.tensor(others)).numpy()
    np.testing.assert_allclose(overlaps(boxes, others), expected, atol=1e-12)


def test_overlap_with_a_crowd_is_the_part_of_the_detection_that_lies_in_it():
    boxes, crowd = np.array([[0, 0, 10, 10], [35, 0, 45, 10]]), np.array([[0, 0, 40, 40]])
    assert overlaps(boxes, crowd, np.array([True])).ravel() == pytest.approx([1.0, 0.5])
    assert overlaps(boxes, crowd)[0, 0] == pytest.approx(100 / 1600)


def test_a_box_without_area_overlaps_nothing():
    assert overlaps(np.array([[3, 3, 3, 3]]), np.array([[0, 0, 9, 9], [3, 3, 3, 3]])).tolist() == [[0, 0]]


@pytest.mark.parametrize(("boxes", "others", "shape"), [(0, 3, (0, 3)), (2, 0, (2, 0))])
def test_nothing_overlaps_nothing(boxes, others, shape):
    assert overlaps(np.ones((boxes, 4)), np.ones((others, 4))).shape == shape
    assert match(np.zeros(shape), np.zeros(shape[1], bool), 0.5).tolist() == [-1] * shape[0]


def test_the_surest_detection_takes_the_object_that_it_overlaps_most():
    overlap = np.array([[0.6, 0.9], [0.5, 0.95], [0.7, 0.8]])
    assert match(overlap, np.array([False, False]), 0.5).tolist() == [1, 0, -1]


def test_an_ignored_object_is_taken_last_and_any_number_of_times():
    overlap = np.array([[0.6, 0.9], [0.5, 0.95], [0.7, 0.8]])
    assert match(overlap, np.array([False, True]), 0.5).tolist() == [0, 1, 1]


def test_too_little_overlap_is_no_match():
    assert match(np.array([[0.49], [0.5]]), np.array([False]), 0.5).tolist() == [-1, 0]


def test_the_strongest_are_so_many_of_each_class_by_their_scores():
    found = Detections(np.arange(24).reshape(6, 4), [0.1, 0.9, 0.5, 0.8, 0.7, 0.6], [0, 0, 0, 0, 1, 1])
    assert found.strongest(2).scores.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert found.strongest(2).boxes[0].tolist() == [4, 5, 6, 7]
    assert found.strongest(least_score=0.6).scores.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert len(Detections(NOTHING, [], []).strongest()) == 0


def test_areas_are_those_of_the_boxes_unless_given():
    boxes = [[1, 2, 4, 6]]
    assert Objects(boxes, [0]).areas.tolist() == [12]
    assert Objects(boxes, [0], areas=[7]).areas.tolist() == [7]
    assert Objects(boxes, [0]).ignored.tolist() == [False]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Objects([[1, 2, 3]], [0]), r"boxes of shape \[n, 4\] but found \(1, 3\)"),
        (lambda: Objects([[1, 2, 3, 4]], [0, 1]), r"labels for 1 boxes but found shape \(2,\)"),
        (lambda: Objects([[1, 2, 3, 4]], [0], [True, False]), "flags of ignored objects for 1 boxes"),
        (lambda: Detections([[1, 2, 3, 4]], [], [0]), r"scores for 1 boxes but found shape \(0,\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
