import math

import numpy as np
import pytest
import torch
from golden_files import load_golden

from tasks.seg.temporal import consistency_areas, temporal_consistency, visible_pixels

GOLDEN = load_golden("tc")


def moving(right, down, height, width):
    """The same flow everywhere, ``[2, H, W]``."""
    return np.broadcast_to(np.float32([right, down])[:, None, None], (2, height, width)).copy()


@pytest.fixture
def labels():
    return np.random.default_rng(0).integers(0, 4, (7, 9))


@pytest.mark.parametrize("name", GOLDEN)
def test_etcs_score_agrees_with_the_reference(name):
    case = GOLDEN[name]
    clip = case["predictions"], case["flow"]
    args = (clip[0][:-1], clip[0][1:], clip[1], int(case["hp.classes"]))
    same, here, there = consistency_areas(*args, warping="bilinear")
    assert same.tolist() == case["intersection"].tolist()
    assert (here + there - same).tolist() == case["union"].tolist()
    found = temporal_consistency(*args, warping="bilinear", absent_as_zero=True)
    assert found == pytest.approx(float(case["tc"]), abs=1e-10)  # theirs adds 1e-10 to the unions


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ("tc_over_present_classes", {"warping": "bilinear"}),
        ("tc_nearest_warp", {"absent_as_zero": True}),
        ("tc_nearest_warp_over_present_classes", {}),
    ],
)
def test_other_forms_of_the_score_agree_with_the_reference(name, variant, options):
    case = GOLDEN[name]
    args = case["predictions"][:-1], case["predictions"][1:], case["flow"], int(case["hp.classes"])
    assert temporal_consistency(*args, **options) == pytest.approx(float(case[f"variant.{variant}"]), abs=1e-10)


def test_a_static_clip_is_consistent(labels):
    still = np.zeros((2, 7, 9), np.float32)
    for warping in ("nearest", "bilinear"):
        assert temporal_consistency(labels, labels, still, 4, warping=warping) == 1
    clip = np.stack([labels] * 3)
    assert temporal_consistency(clip, clip, np.stack([still] * 3), 4) == 1


def test_labels_that_move_with_the_flow_are_consistent(labels):
    before = np.pad(labels, 2, mode="edge")[2 - 1 : 9 - 1, 2 + 2 : 11 + 2]
    assert temporal_consistency(before, labels, moving(2, -1, 7, 9), 4) == 1
    assert temporal_consistency(before, labels, moving(0, 0, 7, 9), 4) < 0.5


def test_the_score_is_the_mean_iou_of_the_classes_that_occur():
    # 0: 1 of 3 pixels; 1: 1 of 3; 2: 0 of 1, in the next frame alone; 3 is nowhere.
    pred, following = np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 2]])
    args = pred, following, np.zeros((2, 1, 4), np.float32), 4
    assert consistency_areas(*args).tolist() == [[1, 1, 0, 0], [2, 2, 0, 0], [1, 2, 1, 0]]
    assert temporal_consistency(*args) == pytest.approx((1 / 2 + 1 / 3 + 0) / 3)
    assert temporal_consistency(*args, absent_as_zero=True) == pytest.approx((1 / 2 + 1 / 3) / 4)


def test_areas_are_summed_over_pairs_before_they_are_divided():
    pred = np.array([[[0, 0, 0, 0]], [[0, 1, 1, 1]]])
    following = np.array([[[0, 0, 0, 0]], [[1, 1, 1, 1]]])
    still = np.zeros((2, 2, 1, 4), np.float32)
    assert temporal_consistency(pred, following, still, 2) == pytest.approx((4 / 5 + 3 / 4) / 2)


def test_hidden_pixels_do_not_count():
    pred, following = np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 0]])
    visible = np.array([[True, False, True, False]])
    args = pred, following, np.zeros((2, 1, 4), np.float32), 2
    assert temporal_consistency(*args) == pytest.approx(1 / 3)
    assert temporal_consistency(*args, visible=visible) == 1


def test_ignored_labels_of_either_frame_do_not_count():
    pred, following = np.array([[0, 255, 1, 1]]), np.array([[0, 0, 255, 1]])
    args = pred, following, np.zeros((2, 1, 4), np.float32), 2
    for warping in ("nearest", "bilinear"):
        assert consistency_areas(*args, warping=warping).tolist() == [[1, 1]] * 3


def test_bilinear_labels_beside_an_ignored_one_do_not_count():
    pred, following = np.zeros((1, 4), int), np.array([[0, 0, 255, 0]])
    areas = consistency_areas(pred, following, moving(0.5, 0, 1, 4), 1, warping="bilinear")
    assert areas.tolist() == [[2]] * 3  # of the pairs of columns 0 1, 1 2, 2 3 and 3 3


def test_bilinear_labels_between_two_classes_are_cut_to_another():
    pred, following = np.array([[0, 0]]), np.array([[0, 3]])
    areas = consistency_areas(pred, following, moving(0.5, 0, 1, 2), 4, warping="bilinear")
    assert areas[2].tolist() == [0, 1, 0, 1]  # 1.5 is cut to 1, which is in neither frame


def test_nothing_to_compare_gives_nan(labels):
    hidden = np.zeros((7, 9), bool)
    assert math.isnan(temporal_consistency(labels, labels, np.zeros((2, 7, 9), np.float32), 4, visible=hidden))


@pytest.mark.parametrize("warping", ["nearest", "bilinear"])
def test_tensors_do_as_well(labels, warping):
    flow = np.random.default_rng(1).normal(0, 2, (2, 7, 9)).astype(np.float32)
    expected = consistency_areas(labels, labels, flow, 4, warping)
    tensors = torch.from_numpy(labels).byte(), torch.from_numpy(labels).byte(), torch.from_numpy(flow)
    assert np.array_equal(consistency_areas(*tensors, 4, warping), expected)


@pytest.mark.parametrize("warping", ["nearest", "bilinear"])
def test_flow_must_be_finite_where_it_is_looked_at(labels, warping):
    flow = np.zeros((2, 7, 9), np.float32)
    flow[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match="expected finite flow but found NaN or infinity at 1 of 63 pixels"):
        temporal_consistency(labels, labels, flow, 4, warping)
    assert temporal_consistency(labels, labels, flow, 4, warping, visible=np.isfinite(flow[1])) == 1


STILL = np.zeros((2, 7, 9), np.float32)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_classes": 3}, r"expected labels 0\.\.2 in pred_t but found \[3\]"),
        ({"pred_next": np.full((7, 9), 4)}, r"expected labels 0\.\.3 in pred_next but found \[4\]"),
        ({"pred_next": np.full((7, 9), -1)}, r"expected labels 0\.\.3 in pred_next but found \[-1\]"),
        ({"pred_t": np.zeros((7, 9))}, "expected integer labels as pred_t but found float64"),
        ({"pred_next": np.zeros((9, 7), int)}, r"\[H, W\] or \[T, H, W\] but found \(7, 9\) and \(9, 7\)"),
        ({"flow": np.zeros((7, 9, 2), np.float32)}, r"flow of shape \(2, 7, 9\) but found float32 of \(7, 9, 2\)"),
        ({"flow": np.zeros((2, 7, 9), int)}, "expected floating-point flow .* but found int64"),
        ({"visible": np.ones((9, 7), bool)}, r"boolean visible of shape \(7, 9\) but found bool of \(9, 7\)"),
        ({"visible": np.ones((7, 9))}, "boolean visible .* but found float64"),
        ({"warping": "cubic"}, r"warping to be one of \('nearest', 'bilinear'\) but found 'cubic'"),
    ],
)
def test_the_score_refuses_what_does_not_fit(labels, changed, message):
    labels[0, 0] = 3
    with pytest.raises(ValueError, match=message):
        temporal_consistency(**{"pred_t": labels, "pred_next": labels, "flow": STILL, "num_classes": 4, **changed})


def test_pixels_that_leave_the_frame_are_not_visible():
    assert visible_pixels(moving(1, 0, 2, 3)).tolist() == [[True, True, False]] * 2
    assert visible_pixels(moving(0, -0.5, 2, 3)).tolist() == [[False] * 3, [True] * 3]


def test_pixels_are_visible_whose_flow_leads_back():
    flow = moving(2, 0, 3, 8)
    backward = moving(-2, 0, 3, 8)
    backward[0, 1, 4] = 0  # where (1, 2) leads to: 2 pixels off, 4 > 0.01 * 4 + 0.5
    found = visible_pixels(flow, backward)
    expected = np.ones((3, 8), bool)
    expected[:, 6:] = expected[1, 2] = False
    assert np.array_equal(found, expected)
    assert visible_pixels(flow, backward, absolute=5.0)[1, 2]
    assert visible_pixels(np.stack([flow, flow]), np.stack([backward, backward]))[1].tolist() == expected.tolist()


def test_pixels_of_unknown_flow_are_not_visible():
    flow, backward = moving(1, 0, 2, 4), moving(-1, 0, 2, 4)
    flow[0, 0, 0], backward[1, 1, 2] = np.nan, np.inf
    found = visible_pixels(flow, backward, absolute=5.0)  # however far apart
    assert found.tolist() == [[False, True, True, False], [True, False, True, False]]


def test_visibility_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"expected flow of shape \[2, H, W\] or \[T, 2, H, W\] but found \(7, 9, 2\)"):
        visible_pixels(np.zeros((7, 9, 2), np.float32))
    with pytest.raises(ValueError, match=r"expected backward flow of shape \(2, 7, 9\) but found \(2, 9, 7\)"):
        visible_pixels(STILL, np.zeros((2, 9, 7), np.float32))
