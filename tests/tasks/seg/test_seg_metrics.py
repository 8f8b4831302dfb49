import math

import numpy as np
import pytest
import torch
from golden_files import load_golden
from scipy import ndimage
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import jaccard_score
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_f1_score

from common.errors import DataError
from tasks.seg.metrics import (
    SegmentationScores,
    SegScores,
    boundary_areas,
    boundary_f,
    boundary_iou,
    boundary_precision_recall,
    class_change_distance,
    class_iou,
    confusion_matrix,
    mean_accuracy,
    mean_dice,
    mean_iou,
    trimap_iou,
)


def scene(height: int, width: int, classes: int, seed: int, void: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Blocky labels, ignored in places, and a prediction that is shifted and has wrong blocks."""
    rng = np.random.default_rng(seed)
    grid = rng.integers(0, classes + void, (-(-height // 6), -(-width // 6)))
    labels = np.kron(grid, np.ones((6, 6), int))[:height, :width]
    wrong = np.kron(rng.random(grid.shape) < 0.15, np.ones((6, 6), bool))[:height, :width]
    prediction = np.where(wrong, rng.integers(0, classes), np.roll(labels, (1, 2), (0, 1))) % classes
    return prediction, np.where(labels == classes, 255, labels)


@pytest.fixture
def pair():
    return scene(47, 61, classes=5, seed=0)


def test_confusion_matrix_agrees_with_sklearn(pair):
    prediction, target = pair
    valid = target != 255
    expected = sklearn_confusion(target[valid], prediction[valid], labels=range(5))
    assert np.array_equal(confusion_matrix(prediction, target, 5), expected)


def test_mean_iou_agrees_with_sklearn(pair):
    prediction, target = pair
    valid = target != 255
    expected = jaccard_score(target[valid], prediction[valid], average=None, labels=range(5))
    confusion = confusion_matrix(prediction, target, 5)
    assert class_iou(confusion) == pytest.approx(expected)
    assert mean_iou(confusion) == pytest.approx(expected.mean())


def test_mean_accuracy_agrees_with_torchmetrics(pair):
    prediction, target = map(torch.tensor, pair)
    expected = multiclass_accuracy(prediction, target, num_classes=5, average="macro", ignore_index=255)
    assert mean_accuracy(confusion_matrix(*pair, 5)) == pytest.approx(expected.item(), rel=1e-6)


def test_dice_agrees_with_torchmetrics(pair):
    prediction, target = map(torch.tensor, pair)
    expected = 100 * multiclass_f1_score(prediction, target, num_classes=5, average=None, ignore_index=255)
    scores = SegmentationScores(5)
    scores.update(*pair)
    assert scores.compute()["Dice_per_class"] == pytest.approx(expected.numpy(), rel=1e-6)


def test_mean_dice_leaves_background_and_absent_classes_out():
    assert mean_dice(np.array([99.0, 60.0, 80.0, np.nan]), ("background", "liver", "spleen", "aorta")) == 70
    assert mean_dice(np.array([90.0, 60.0]), ("road", "car")) == 75


def test_absent_classes_are_left_out_of_the_means():
    confusion = confusion_matrix(np.array([[0, 1, 2, 2]]), np.array([[0, 0, 2, 2]]), num_classes=5)
    assert class_iou(confusion) == pytest.approx([0.5, 0, 1, math.nan, math.nan], nan_ok=True)
    assert mean_iou(confusion) == pytest.approx((0.5 + 0 + 1) / 3)  # class 1 is predicted, so it counts
    assert mean_accuracy(confusion) == pytest.approx((0.5 + 1) / 2)  # but has no recall


def test_nothing_but_void_gives_nan():
    void = np.full((4, 4), 255)
    confusion = confusion_matrix(np.zeros((4, 4), int), void, 3)
    assert confusion.sum() == 0
    assert math.isnan(mean_iou(confusion))
    assert math.isnan(mean_accuracy(confusion))


def band_by_loops(target: np.ndarray, width: int) -> np.ndarray:
    """Pixels within width - 1 of a pixel that has a labelled side neighbour of another class."""
    height, columns = target.shape
    beside = []
    for y in range(height):
        for x in range(columns):
            for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= v < height and 0 <= u < columns
                if inside and 255 not in (target[y, x], target[v, u]) and target[y, x] != target[v, u]:
                    beside.append((y, x))
    beside = np.array(beside)
    distance = [[np.hypot(*(beside - (y, x)).T).min() for x in range(columns)] for y in range(height)]
    return np.array(distance) <= width - 1


def test_trimap_iou_is_mean_iou_within_the_band():
    prediction, target = scene(25, 31, classes=3, seed=4)
    found = trimap_iou(prediction, target, 3, widths=(1, 2, 4))
    for width, value in found.items():
        in_band = np.where(band_by_loops(target, width), target, 255)
        assert value == pytest.approx(mean_iou(confusion_matrix(prediction, in_band, 3)))
    assert len(set(found.values())) == 3


def test_trimap_takes_width_pixels_on_either_side_of_a_straight_border():
    target = np.zeros((6, 20), int)
    target[:, 10:] = 1
    distance = class_change_distance(target)
    assert distance[0].tolist() == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_void_makes_no_class_change():
    target = np.array([[0, 0, 255, 1, 1]])
    assert np.isinf(class_change_distance(target)).all()
    assert math.isnan(trimap_iou(target % 5, target, 2, widths=(3,))[3])


def test_trimap_as_wide_as_the_image_is_the_mean_iou(pair):
    assert trimap_iou(*pair, 5, widths=(1000,))[1000] == pytest.approx(mean_iou(confusion_matrix(*pair, 5)))


def test_trimap_sums_areas_over_a_stack():
    pairs = [scene(20, 20, 3, seed) for seed in (1, 2)]
    stacked = trimap_iou(*(np.stack(maps) for maps in zip(*pairs, strict=True)), 3, widths=(2,))[2]
    (prediction, target), (prediction2, target2) = pairs
    gap = np.full((20, 9), 255)  # keeps the images apart: void makes no class change
    side_by_side = np.hstack([prediction, gap, prediction2]), np.hstack([target, gap, target2])
    assert stacked == pytest.approx(trimap_iou(*side_by_side, 3, widths=(2,))[2])


@pytest.mark.parametrize("case", ["case0", "case1", "case2"])
def test_boundary_iou_of_masks_agrees_with_the_reference(case):
    golden = load_golden("boundary_iou")[case]
    masks = golden["mask_b"], golden["mask_a"]
    intersection, union = boundary_areas(*masks, 2, ratio=float(golden["hp.dilation_ratio"]))
    assert (intersection[1], union[1]) == (golden["intersection"], golden["union"])
    iou = boundary_iou(*masks, 2, ratio=float(golden["hp.dilation_ratio"]))
    assert iou[1] == pytest.approx(float(golden["boundary_iou"]))


def test_boundary_iou_of_labels_agrees_with_the_reference():
    golden = load_golden("boundary_iou")["case3"]
    found = boundary_iou(golden["prediction"], golden["target"], 5, ratio=float(golden["hp.dilation_ratio"]))
    assert found == pytest.approx(golden["intersection"] / golden["union"])


def test_boundary_iou_agrees_with_erosion_of_each_class(pair):
    prediction, target = pair
    depth = 2  # round(0.03 * hypot(47, 61))
    for c, value in enumerate(boundary_iou(prediction, target, 5, ratio=0.03)):
        masks = [(labels == c) & (target != 255) for labels in (prediction, target)]
        ours, theirs = (
            m & ~ndimage.binary_erosion(m, np.ones((3, 3)), iterations=depth, border_value=0) for m in masks
        )
        assert value == pytest.approx((ours & theirs).sum() / (ours | theirs).sum())


def test_boundary_iou_of_an_absent_class_is_nan():
    labels = np.zeros((8, 8), int)
    assert boundary_iou(labels, labels, 3) == pytest.approx([1, math.nan, math.nan], nan_ok=True)


@pytest.mark.parametrize("case", ["case0", "case1", "case2", "case3"])
def test_boundary_f_agrees_with_the_reference(case):
    golden = load_golden("boundary_f")[case]
    target = np.where(golden["ignore"] > 0, 255, golden["target"])
    threshold = float(golden["hp.bound_th"])
    f = boundary_f(golden["prediction"], target, 2, threshold, empty_is_one=True)
    assert f[1] == pytest.approx(float(golden["f"]), abs=1e-12)
    if golden["prediction"].any() and target.any():
        precision, recall = boundary_precision_recall(golden["prediction"], target, 2, (threshold,))
        assert precision[0, 1] == pytest.approx(float(golden["precision"]))
        assert recall[0, 1] == pytest.approx(float(golden["recall"]))


def boundary_f_by_distance(prediction: np.ndarray, target: np.ndarray, c: int, radius: int) -> float:
    contours = []
    for labels in (prediction, target):
        mask = (labels == c) & (target != 255)
        padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
        neighbours = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
        contours.append(np.any([mask != other for other in neighbours], axis=0))
    ours, theirs = contours
    if not (ours.any() or theirs.any()):
        return math.nan
    if not (ours.any() and theirs.any()):
        return 0.0
    near_ours, near_theirs = (ndimage.distance_transform_edt(~x) <= radius + 1e-9 for x in contours)
    precision, recall = near_theirs[ours].mean(), near_ours[theirs].mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("radius", [1, 2, 3, 5, 12])
def test_boundary_f_agrees_with_distances_between_contours(pair, radius):
    expected = [boundary_f_by_distance(*pair, c, radius) for c in range(5)]
    assert boundary_f(*pair, 5, threshold=radius) == pytest.approx(expected)


@pytest.mark.parametrize("classes", [14, 30, 60, 70])
def test_boundary_f_holds_for_any_number_of_classes(classes):
    prediction, target = scene(60, 70, classes, seed=3)
    expected = [boundary_f_by_distance(prediction, target, c, 1) for c in range(classes)]
    assert boundary_f(prediction, target, classes, threshold=1) == pytest.approx(expected, nan_ok=True)


def test_boundary_f_tolerance_is_a_fraction_of_the_diagonal_rounded_up():
    target = np.zeros((30, 40), int)
    target[:, 20:] = 1
    prediction = np.roll(target, 2, axis=1)
    prediction[:, :2] = 0
    assert boundary_f(prediction, target, 2, threshold=0.02)[1] == 0  # 0.02 * 50 = 1 px
    assert boundary_f(prediction, target, 2, threshold=0.021)[1] == 1  # 1.05 -> 2 px


def test_boundary_f_skips_absent_classes_unless_asked_to_reward_them():
    target = np.zeros((10, 10), int)
    target[:5] = 1
    prediction = np.zeros((10, 10), int)
    prediction[:5] = 2
    assert boundary_f(target, target, 4) == pytest.approx([1, 1, math.nan, math.nan], nan_ok=True)
    assert boundary_f(prediction, target, 4) == pytest.approx([1, 0, 0, math.nan], nan_ok=True)
    assert boundary_f(prediction, target, 4, empty_is_one=True).tolist() == [1, 0, 0, 1]


def test_scores_sum_over_images_of_different_sizes():
    pairs = [scene(40, 52, 4, seed=1), scene(33, 61, 4, seed=2)]
    scores = SegmentationScores(4, widths=(3, 1), boundary_ratio=0.03, f_thresholds=(2, 0.05))
    for prediction, target in pairs:
        scores.update(prediction, target)
    result = scores.compute()

    confusion = sum(confusion_matrix(*pair, 4) for pair in pairs)
    assert result["mIoU"] == pytest.approx(100 * mean_iou(confusion))
    assert result["mAcc"] == pytest.approx(100 * mean_accuracy(confusion))
    assert result["aAcc"] == pytest.approx(100 * np.trace(confusion) / confusion.sum())
    assert result["IoU_per_class"] == pytest.approx(100 * class_iou(confusion))

    for width in (1, 3):
        bands = [(p, np.where(band_by_loops(t, width), t, 255)) for p, t in pairs]
        expected = mean_iou(sum(confusion_matrix(*pair, 4) for pair in bands))
        assert result["trimap_IoU"][width] == pytest.approx(100 * expected)

    intersection, union = sum(boundary_areas(*pair, 4, 0.03) for pair in pairs)
    assert result["boundary_IoU_per_class"] == pytest.approx(100 * intersection / union)
    assert result["boundary_IoU"] == pytest.approx(100 * (intersection / union).mean())

    for threshold in (2, 0.05):
        per_image = np.stack([boundary_f(*pair, 4, threshold) for pair in pairs])
        assert result["boundary_F_per_class"][threshold] == pytest.approx(100 * per_image.mean(axis=0))
        assert result["boundary_F"][threshold] == pytest.approx(100 * per_image.mean())


def test_a_class_seen_in_one_image_has_its_f_score_from_that_image():
    with_class, without = np.zeros((9, 9), int), np.zeros((9, 9), int)
    with_class[3:6, 3:6] = 1
    scores = SegmentationScores(3, f_thresholds=(1,))
    scores.update(with_class, with_class)
    scores.update(without, without)
    assert scores.compute()["boundary_F_per_class"][1] == pytest.approx([100, 100, math.nan], nan_ok=True)


def test_perfect_predictions_score_100(pair):
    _, target = pair
    scores = SegmentationScores(5)
    scores.update(target % 255, target)
    result = scores.compute()
    numbers = [result[name] for name in ("mIoU", "mAcc", "aAcc", "boundary_IoU")]
    assert [*numbers, *result["trimap_IoU"].values(), *result["boundary_F"].values()] == [100] * 13


def samples_of(pairs) -> list[dict]:
    return [
        {
            "pred_sem_seg": {"data": torch.tensor(prediction)[None]},
            "gt_sem_seg": {"data": torch.tensor(target, dtype=torch.uint8)[None]},
        }
        for prediction, target in pairs
    ]


def test_the_engines_metric_gives_the_scores_of_all_images():
    from mmseg.registry import METRICS

    pairs = [scene(30, 40, 3, seed) for seed in range(3)]
    metric = METRICS.build({"type": "SegScores", "_scope_": "mmseg", "widths": (3,), "f_thresholds": (0.00375, 0.05)})
    metric.dataset_meta = {"classes": ("road", "car", "sky")}
    metric.process({}, samples_of(pairs[:2]))
    metric.process({}, samples_of(pairs[2:]))
    found = metric.evaluate(size=3)

    scores = SegmentationScores(3, widths=(3,), f_thresholds=(0.00375, 0.05))
    for pair in pairs:
        scores.update(*pair)
    expected = scores.compute()
    assert {name: found[name] for name in ("mIoU", "mAcc", "aAcc", "boundary_IoU")} == {
        name: expected[name] for name in ("mIoU", "mAcc", "aAcc", "boundary_IoU")
    }
    assert found["mDice"] == pytest.approx(expected["Dice_per_class"].mean())
    assert found["trimap_IoU_3"] == expected["trimap_IoU"][3]
    assert found["boundary_F_0.00375"] == expected["boundary_F"][0.00375]
    assert found["boundary_F"] == pytest.approx(np.mean(list(expected["boundary_F"].values())))
    assert all(isinstance(value, float) for value in found.values())


def test_the_engines_metric_keeps_one_result_per_image_so_that_repeats_can_be_dropped():
    first, second = scene(30, 40, 3, seed=0), scene(30, 40, 3, seed=1)
    metric = SegScores()
    metric.dataset_meta = {"classes": ("road", "car", "sky")}
    metric.process({}, samples_of([first, second, first]))
    assert len(metric.results) == 3
    confusion = sum(confusion_matrix(*pair, 3) for pair in (first, second))
    assert metric.compute_metrics(metric.results[:2])["mIoU"] == pytest.approx(100 * mean_iou(confusion))


def test_the_engines_metric_asks_for_labels():
    metric = SegScores()
    metric.dataset_meta = {"classes": ("road",)}
    sample = {"pred_sem_seg": {"data": torch.zeros(1, 4, 4).long()}, "img_path": "test/a.png"}
    with pytest.raises(DataError, match=r"expected a label map .* found none for test/a\.png; evaluate on"):
        metric.process({}, [sample])


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        (np.zeros((4, 4), int), np.zeros((4, 5), int), r"target's shape \(4, 5\) but found \(4, 4\)"),
        (np.full((4, 4), 3), np.zeros((4, 4), int), r"expected labels 0\.\.2 in the prediction but found \[3\]"),
        (np.zeros((4, 4), int), np.full((4, 4), 11), r"expected labels 0\.\.2 in the target but found \[11\]"),
        (np.zeros((4, 4)), np.zeros((4, 4), int), "expected integer labels as prediction but found float64"),
    ],
)
def test_scores_refuse_what_does_not_fit(prediction, target, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(prediction, target, 3)
    with pytest.raises(ValueError, match=message):
        SegmentationScores(3).update(prediction, target)


def test_trimap_refuses_a_width_below_one_pixel(pair):
    with pytest.raises(ValueError, match="expected trimap widths of at least 1 px but found 0"):
        trimap_iou(*pair, 5, widths=(0, 3))


def test_a_stack_must_be_of_one_shape():
    with pytest.raises(ValueError, match=r"of one shape but found \(2, 4, 4\) and \(4, 4\)"):
        boundary_iou(np.zeros((2, 4, 4), int), np.zeros((4, 4), int), 2)
