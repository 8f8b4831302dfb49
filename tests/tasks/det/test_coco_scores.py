import contextlib
import io

import numpy as np
import pytest
from box_scenes import scenes
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tasks.det.boxes import Detections, Objects
from tasks.det.coco_scores import coco_scores, size_counts

NO_OBJECTS, NO_DETECTIONS = Objects([], []), Detections([], [], [])
NAMES = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")


def reference(truth, found, num_classes) -> COCOeval:
    """The same by pycocotools, whose annotations are numbered from 1."""
    records = {"objects": [], "detections": []}
    for number, images in enumerate(zip(truth, found, strict=True), start=1):
        for kind, image in zip(records, images, strict=True):
            for place, (x1, y1, x2, y2) in enumerate(image.boxes):
                record = {"id": len(records[kind]) + 1, "image_id": number, "category_id": image.labels[place] + 1}
                record |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1), "iscrowd": 0}
                if kind == "objects":
                    record |= {"area": image.areas[place], "iscrowd": int(image.ignored[place])}
                else:
                    record["score"] = image.scores[place]
                records[kind].append(record)
    with contextlib.redirect_stdout(io.StringIO()):
        target, detected = COCO(), COCO()
        for coco, annotations in ((target, records["objects"]), (detected, records["detections"])):
            categories = [{"id": label + 1} for label in range(num_classes)]
            images = [{"id": number + 1} for number in range(len(truth))]
            coco.dataset = {"images": images, "categories": categories, "annotations": annotations}
            coco.createIndex()
        evaluation = COCOeval(target, detected, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("ignored", "reach"), [(0.0, 70.0), (0.3, 70.0), (0.2, 200.0)])
def test_scores_agree_with_pycocotools(seed, ignored, reach):
    truth, found = scenes(seed, ignored=ignored, reach=reach)
    truth.append(NO_OBJECTS)  # an image with detections only, and one with objects only
    found.append(found[0])
    truth.append(truth[1])
    found.append(NO_DETECTIONS)
    expected = reference(truth, found, 3)
    stats = np.where(expected.stats < 0, np.nan, expected.stats)
    scores = coco_scores(truth, found, 3)
    assert [scores[name] for name in NAMES] == pytest.approx(100 * stats[:6], nan_ok=True)
    assert scores["AR"] == pytest.approx(100 * stats[8])
    of_all = expected.eval["precision"][..., 0, 2]
    assert scores["AP_per_class"] == pytest.approx(100 * of_all.mean(axis=(0, 1)))
    assert scores["AP50_per_class"] == pytest.approx(100 * of_all[0].mean(axis=0))
    assert list(scores["AP_by_iou"].values()) == pytest.approx(100 * of_all.mean(axis=(1, 2)))
    assert scores["precision_by_recall"][0.75] == pytest.approx(100 * of_all[5].mean(axis=1))


def test_areas_of_the_objects_tell_the_sizes():
    boxes = [[0, 0, 40, 40]]
    found = [Detections(boxes, [0.9], [0])]
    by_box = coco_scores([Objects(boxes, [0])], found, 1)
    by_outline = coco_scores([Objects(boxes, [0], areas=[900])], found, 1)
    assert [by_box[name] for name in ("AP_small", "AP_medium")] == pytest.approx([np.nan, 100], nan_ok=True)
    assert [by_outline[name] for name in ("AP_small", "AP_medium")] == pytest.approx([100, np.nan], nan_ok=True)
    assert size_counts([Objects(boxes, [0], areas=[900]), Objects(boxes, [0], [True])]) == {
        "small": 1,
        "medium": 0,
        "large": 0,
    }


def test_classes_without_objects_are_left_out_of_the_mean():
    truth = [Objects([[0, 0, 10, 10]], [1])]
    scores = coco_scores(truth, [Detections([[0, 0, 10, 10]] * 2, [0.5, 0.9], [1, 2])], 3)
    assert scores["AP"] == pytest.approx(100)
    assert scores["AP_per_class"] == pytest.approx([np.nan, 100, np.nan], nan_ok=True)


def test_nothing_found_is_0_and_nothing_to_find_is_nan():
    truth = [Objects([[0, 0, 10, 10]], [0])]
    assert coco_scores(truth, [NO_DETECTIONS], 1)["AP"] == 0
    assert np.isnan(coco_scores([NO_OBJECTS], [Detections([[0, 0, 9, 9]], [0.5], [0])], 1)["AP"])
    assert np.isnan(coco_scores([NO_OBJECTS], [NO_DETECTIONS], 1)["AP"])


def test_only_the_strongest_detections_of_an_image_count():
    truth = [Objects([[0, 0, 10, 10]], [0])]
    found = [Detections([[50, 50, 60, 60]] * 2 + [[0, 0, 10, 10]], [0.9, 0.8, 0.7], [0, 0, 0])]
    assert coco_scores(truth, found, 1, max_detections=2)["AP"] == 0
    assert coco_scores(truth, found, 1, max_detections=3)["AP"] == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("truth", "found", "message"),
    [
        ([NO_OBJECTS], [], "detections for 1 images but found them for 0"),
        ([Objects([[0, 0, 9, 9]], [2])], [NO_DETECTIONS], r"labels 0\.\.1 of objects but found \[2\]"),
        ([NO_OBJECTS], [Detections([[0, 0, 9, 9]], [1], [-1])], r"labels 0\.\.1 of detections but found \[-1\]"),
    ],
)
def test_what_does_not_fit_is_refused(truth, found, message):
    with pytest.raises(ValueError, match=message):
        coco_scores(truth, found, 2)
