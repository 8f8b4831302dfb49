import tasks.det  # noqa: F401 - puts operators in place

# isort: split
import numpy as np
import pytest
from box_scenes import scenes
from mmdet.evaluation import eval_map

from tasks.det.boxes import Detections, Objects
from tasks.det.voc_scores import average_precision, voc_scores


@pytest.mark.parametrize(("kind", "mode"), [("11", "11points"), ("area", "area")])
@pytest.mark.parametrize("ignored", [0.0, 0.3])
def test_scores_agree_with_mmdet(kind, mode, ignored):
    for seed in range(3):
        truth, found = scenes(seed, ignored=ignored)
        results = [
            [np.c_[each.boxes, each.scores][each.labels == label].astype(np.float64) for label in range(3)]
            for each in found
        ]
        annotations = [
            {
                "bboxes": each.boxes[~each.ignored],
                "labels": each.labels[~each.ignored],
                "bboxes_ignore": each.boxes[each.ignored],
                "labels_ignore": each.labels[each.ignored],
            }
            for each in truth
        ]
        mean, classes = eval_map(results, annotations, eval_mode=mode, logger="silent", nproc=1)
        scores = voc_scores(truth, found, 3)
        assert scores[f"mAP_{kind}"] == pytest.approx(100 * mean, rel=1e-5)
        assert scores[f"AP_{kind}_per_class"] == pytest.approx([100 * each["ap"] for each in classes], rel=1e-5)


def test_averages_by_hand():
    # Right, wrong, right, of 4 objects: precision 1 to recall 1/4, 2/3 to recall 1/2, then 0.
    hits = np.array([True, False, True])
    assert average_precision(hits, 4) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    assert average_precision(hits, 4, recalls=11) == pytest.approx((3 * 1 + 3 * 2 / 3) / 11)
    assert average_precision(hits, 4, recalls=101) == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)


def test_no_detections_is_0_and_no_objects_nan():
    for recalls in (None, 11):
        assert average_precision(np.zeros(0, bool), 3, recalls) == 0
        assert np.isnan(average_precision(np.array([False]), 0, recalls))


def one_class(boxes, ignored, detections, scores):
    truth = [Objects(boxes, [0] * len(boxes), ignored)]
    return voc_scores(truth, [Detections(detections, scores, [0] * len(scores))], 1)["mAP_area"]


def test_a_difficult_object_neither_has_to_be_found_nor_is_wrong():
    boxes = [[0, 0, 10, 10], [50, 50, 60, 60]]
    assert one_class(boxes, [False, True], boxes[:1], [0.5]) == pytest.approx(100)
    assert one_class(boxes, [False, True], [boxes[1], boxes[1], boxes[0]], [0.9, 0.8, 0.5]) == pytest.approx(100)
    assert one_class(boxes, [False, False], boxes[:1], [0.5]) == pytest.approx(50)


def test_a_second_detection_of_an_object_is_wrong_even_where_another_object_is_free():
    # The second detection overlaps the first object by 9/11 and the second, free one, by 8/12.
    boxes = [[0, 0, 10, 10], [3, 0, 13, 10]]
    assert one_class(boxes, None, [[0, 0, 10, 10], [1, 0, 11, 10]], [0.9, 0.8]) == pytest.approx(50)


def test_an_overlap_of_one_half_is_enough():
    boxes = [[0, 0, 10, 10]]
    assert one_class(boxes, None, [[0, 0, 10, 5]], [0.9]) == pytest.approx(100)
    assert one_class(boxes, None, [[0, 0, 10, 4.99]], [0.9]) == 0


def test_any_number_of_detections_counts():
    wrong = [[50, 50, 60, 60]] * 150
    assert one_class([[0, 0, 10, 10]], None, [*wrong, [0, 0, 10, 10]], np.linspace(1, 0.5, 151)) == pytest.approx(
        100 / 151
    )


def test_classes_without_objects_are_left_out_of_the_mean():
    truth, found = [Objects([[0, 0, 10, 10]], [1])], [Detections([[0, 0, 10, 10]] * 2, [0.5, 0.9], [1, 0])]
    scores = voc_scores(truth, found, 3)
    assert scores["mAP_11"] == pytest.approx(100)
    assert scores["AP_11_per_class"] == pytest.approx([np.nan, 100, np.nan], nan_ok=True)
