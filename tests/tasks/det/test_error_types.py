import numpy as np
import pytest
from box_scenes import scenes

from tasks.det.boxes import Detections, Objects
from tasks.det.coco_scores import coco_scores
from tasks.det.error_types import KINDS, error_types, sort_image

# One object each of classes 0 and 1, far from each other.
TWO = Objects([[0, 0, 20, 20], [100, 100, 120, 120]], [0, 1])
EXACT = [0, 0, 20, 20]


def kind_of(box, label, objects=TWO, others=()) -> str:
    """The kind of one detection of score 0.5 beside others of higher scores."""
    detections = Detections(
        [*(o for o, _ in others), box], [0.9] * len(others) + [0.5], [*(o for _, o in others), label]
    )
    return sort_image(objects, detections).kinds[-1]


@pytest.mark.parametrize(
    ("box", "label", "others", "kind"),
    [
        (EXACT, 0, (), "right"),
        (EXACT, 1, (), "classification"),
        ([0, 0, 20, 9], 0, (), "localisation"),  # IoU 0.45
        ([0, 0, 20, 9], 1, (), "both"),
        (EXACT, 0, [(EXACT, 0)], "duplicate"),
        ([0, 0, 20, 1.9], 0, (), "background"),  # IoU 0.095
        ([0, 0, 20, 1.9], 1, (), "background"),
        ([50, 50, 60, 60], 0, (), "background"),
        ([0, 0, 20, 10], 0, (), "right"),  # IoU 0.5
        ([0, 0, 20, 10], 1, (), "classification"),
        ([0, 0, 20, 2], 0, (), "localisation"),  # IoU 0.1
    ],
)
def test_false_detections_are_sorted_by_class_and_overlap(box, label, others, kind):
    assert kind_of(box, label, others=others) == kind


def test_a_detection_that_could_be_two_kinds_is_a_localisation_error_first_and_a_classification_error_second():
    # Two objects of different classes over each other: IoU with one 1, with the other 0.4, and reversed.
    objects = Objects([EXACT, [0, 0, 20, 8]], [0, 1])
    assert kind_of(EXACT, 1, objects) == "localisation"
    assert kind_of(EXACT, 1, Objects([EXACT, EXACT], [0, 1]), others=[(EXACT, 1)]) == "classification"


def test_an_image_without_objects_has_background_errors_only():
    assert kind_of(EXACT, 0, Objects([], [])) == "background"


def test_detections_of_ignored_objects_are_no_errors_and_ignored_objects_are_not_missed():
    objects = Objects([[0, 0, 40, 40]], [0], [True])
    found = sort_image(objects, Detections([EXACT, EXACT], [0.9, 0.8], [0, 1]))
    assert found.kinds == ("uncounted", "background")
    assert not found.missed.any()
    assert not found.found.any()


def test_objects_that_a_shifted_or_confused_detection_means_are_not_missed():
    meant = sort_image(TWO, Detections([[0, 0, 20, 9], [100, 100, 120, 120]], [0.5, 0.5], [0, 0]))
    assert sorted(meant.kinds) == ["classification", "localisation"]
    assert meant.missed.tolist() == [False, False]
    assert meant.found.tolist() == [False, False]
    other = sort_image(TWO, Detections([[0, 0, 20, 9]], [0.5], [1]))
    assert other.kinds == ("both",)
    assert other.missed.tolist() == [True, True]


def test_low_scores_can_be_left_out():
    found = sort_image(TWO, Detections([EXACT, EXACT], [0.2, 0.9], [0, 1]), least_score=0.3)
    assert found.kinds == ("classification",)
    assert found.found.tolist() == [False, False]


def gains(objects, detections, **options) -> dict:
    result = error_types([objects], [detections], 2, **options)
    return {kind: round(gain, 6) for kind, gain in result.gains.items() if abs(gain) > 1e-9}


def test_mending_a_class_or_a_place_makes_a_right_detection():
    right = [100, 100, 120, 120]
    assert gains(TWO, Detections([EXACT, right], [0.5, 0.9], [1, 1])) == {"classification": 50}
    assert gains(TWO, Detections([[0, 0, 20, 9], right], [0.5, 0.9], [0, 1])) == {"localisation": 50}


def test_mending_removes_duplicates_and_background():
    # The wrong detection has the highest score: precision 1/2 instead of 1 for class 0.
    only = Objects([EXACT], [0])
    assert gains(only, Detections([EXACT, [50, 50, 60, 60]], [0.5, 0.9], [0, 0])) == {"background": 50}
    pair = Objects([EXACT, [100, 100, 120, 120]], [0, 0])
    found = Detections([EXACT, EXACT, [100, 100, 120, 120]], [0.9, 0.8, 0.7], [0, 0, 0])
    # Precision 1 to recall 1/2 (51 of 101 recalls), then 2/3.
    assert gains(pair, found)["duplicate"] == pytest.approx(100 - 100 * (51 + 50 * 2 / 3) / 101, abs=1e-5)


def test_mending_missed_objects_takes_them_out_of_the_number_of_objects():
    pair = Objects([EXACT, [100, 100, 120, 120]], [0, 0])
    # Precision 1 to recall 1/2, 51 of 101 recalls.
    assert gains(pair, Detections([EXACT], [0.9], [0]))["missed"] == pytest.approx(100 - 5100 / 101, abs=1e-5)


def test_of_several_detections_that_mean_one_object_only_the_surest_is_mended():
    only = Objects([EXACT], [0])
    shifted = Detections([[0, 0, 20, 9], [0, 0, 20, 8]], [0.5, 0.6], [0, 0])
    assert gains(only, shifted) == {"localisation": 100}
    found_already = Detections([EXACT, [0, 0, 20, 8]], [0.5, 0.6], [0, 0])
    assert gains(only, found_already) == {"localisation": 50}


# Objects (boxes, labels) and detections (boxes, scores, labels) of four images.
GOLDEN = (
    (
        ([[57, 4, 86, 13], [6, 42, 19, 62], [26, 55, 48, 75]], [1, 0, 1]),
        ([[23, 58, 44, 72], [14, 6, 49, 20], [39, 55, 49, 72]], [0.19, 0.03, 0.78], [1, 1, 2]),
    ),
    (
        ([[69, 11, 108, 34], [3, 37, 16, 66]], [0, 2]),
        ([[4, 40, 15, 68], [69, 25, 104, 57], [63, 15, 96, 29]], [0.3, 0.53, 0.37], [2, 2, 2]),
    ),
    (
        ([[4, 50, 12, 60], [23, 7, 36, 19], [13, 17, 50, 38], [13, 57, 41, 84], [41, 13, 61, 39]], [2, 1, 2, 2, 1]),
        (
            [[4, 46, 10, 64], [7, -8, 30, 24], [22, 7, 33, 16], [13, 55, 41, 84], [8, 56, 41, 85], [20, 26, 44, 89]],
            [0.98, 0.27, 0.07, 0.38, 0.52, 0.43],
            [1, 1, 1, 2, 2, 2],
        ),
    ),
    (
        (
            [
                [60, 36, 91, 65],
                [68, 20, 108, 37],
                [32, 52, 59, 69],
                [46, 59, 84, 88],
                [21, 25, 30, 51],
                [70, 52, 93, 89],
            ],
            [1, 2, 2, 0, 2, 0],
        ),
        (
            [
                [72, 63, 80, 65],
                [69, 63, 81, 68],
                [61, 7, 120, 37],
                [65, 24, 112, 27],
                [65, 18, 111, 32],
                [35, 47, 60, 56],
                [50, 57, 89, 94],
            ],
            [0.83, 0.41, 0.14, 0.29, 0.12, 0.25, 0.58],
            [1, 2, 0, 2, 2, 2, 2],
        ),
    ),
)


def test_counts_and_gains_are_those_of_the_authors_toolbox():
    truth = [Objects(*objects) for objects, _ in GOLDEN]
    found = [Detections(*detections) for _, detections in GOLDEN]
    result = error_types(truth, found, 3)
    # tidecv 1.0.1, TIDE().evaluate(..., mode=TIDE.BOX): AP, numbers of errors, fix_main_errors().
    assert result.average_precision == pytest.approx(8.960396039603962)
    assert result.counts == dict(zip(KINDS, (1, 4, 5, 1, 3, 9), strict=True))
    expected = (9.203420342034205, 5.462046204620465, 3.3608360836, 0.3225322532, 1.6756675667, 10.6435643564)
    assert list(result.gains.values()) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("ignored", [0.0, 0.3])
def test_average_precision_is_cocos_at_one_half(ignored):
    truth, found = scenes(3, ignored=ignored)
    assert error_types(truth, found, 3).average_precision == pytest.approx(coco_scores(truth, found, 3)["AP50"])


def test_a_class_of_which_all_objects_were_missed_counts_only_if_it_has_false_detections():
    alone = error_types([TWO], [Detections([EXACT], [0.5], [0])], 2)
    assert (alone.average_precision, alone.gains["missed"]) == pytest.approx((50, 50))
    beside = error_types([TWO], [Detections([EXACT, [50, 50, 60, 60]], [0.5, 0.5], [0, 1])], 2)
    assert (beside.average_precision, beside.gains["missed"]) == pytest.approx((50, 0))


def test_perfect_detections_leave_nothing_to_mend():
    truth, _ = scenes(0)
    found = [Detections(each.boxes, np.ones(len(each)), each.labels) for each in truth]
    result = error_types(truth, found, 3)
    assert result.average_precision == pytest.approx(100)
    assert set(result.counts.values()) == {0}
    assert list(result.gains.values()) == pytest.approx([0] * 6)
