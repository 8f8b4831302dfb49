import tasks.det  # noqa: F401 - puts operators in place

# isort: split
import numpy as np
import pytest
import torch
from box_scenes import scenes
from mmdet.registry import DATASETS, METRICS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from common.errors import DataError
from common.report import write_png
from tasks.det.boxes import Detections, Objects
from tasks.det.coco_scores import coco_scores
from tasks.det.metrics import BoxScores, objects_of, objects_of_instances
from tasks.det.voc_scores import voc_scores

CLASSES = ("road", "car", "sky")
RESIZE, LOAD = {"type": "Resize", "keep_ratio": True}, {"type": "LoadAnnotations", "with_bbox": True}


def data_sample(objects: Objects, detections: Detections, number: int = 0, size=(200, 200)) -> DetDataSample:
    """As a detector of mmdet returns it: objects packed by the pipeline, and what was found."""
    sample = DetDataSample(metainfo={"img_path": f"test/{number}.png", "img_id": number, "ori_shape": size})
    for name, chosen in (("gt_instances", ~objects.ignored), ("ignored_instances", objects.ignored)):
        boxes = HorizontalBoxes(torch.tensor(objects.boxes[chosen]))
        sample.set_data({name: InstanceData(bboxes=boxes, labels=torch.tensor(objects.labels[chosen]))})
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor(detections.boxes),
        scores=torch.tensor(detections.scores),
        labels=torch.tensor(detections.labels),
    )
    return sample


def piped(folder, scale, steps, **packing) -> dict:
    """The only sample of a data set with one box in a picture of 64x48, through a pipeline."""
    write_png(folder / "a.png", np.zeros((48, 64, 3), np.uint8))
    (folder / "boxes.csv").write_text("image,xmin,ymin,xmax,ymax,label\na.png,4,4,60,40,road\n")
    steps = [{**step, "scale": scale} if step["type"] == "Resize" else step for step in steps]
    packed = {"type": "PackDetInputs", "meta_keys": ("img_path", "ori_shape", "scale_factor"), **packing}
    settings = {
        "type": "CSVBoxes",
        "ann_file": "boxes.csv",
        "data_root": str(folder),
        "metainfo": {"classes": CLASSES},
        "test_mode": True,
        "pipeline": [{"type": "LoadImageFromFile"}, *steps, packed],
    }
    init_default_scope("mmdet")
    return DATASETS.build(settings)[0]["data_samples"].to_dict()


def samples_of(truth, found) -> list[DetDataSample]:
    return [data_sample(*pair, number) for number, pair in enumerate(zip(truth, found, strict=True))]


def test_the_engines_evaluator_gives_the_scores_of_all_images():
    truth, found = scenes(1, ignored=0.2)
    metric = METRICS.build({"type": "BoxScores", "voc": True, "_scope_": "mmdet"})
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = {"classes": CLASSES}
    samples = samples_of(truth, found)
    evaluator.process(samples[:5])
    evaluator.process(samples[5:])
    scores = evaluator.evaluate(size=len(samples))
    expected = coco_scores(truth, found, 3) | voc_scores(truth, found, 3)
    names = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "mAP_11", "mAP_area"]
    assert list(scores) == names
    assert list(scores.values()) == pytest.approx([expected[name] for name in names], nan_ok=True)
    assert all(isinstance(value, float) for value in scores.values())


def test_one_result_is_kept_per_image_so_that_repeats_can_be_dropped():
    truth, found = scenes(1, images=2)
    metric = BoxScores()
    metric.dataset_meta = {"classes": CLASSES}
    metric.process({}, [sample.to_dict() for sample in samples_of([*truth, truth[0]], [*found, found[0]])])
    assert len(metric.results) == 3
    assert metric.compute_metrics(metric.results[:2])["AP"] == pytest.approx(coco_scores(truth, found, 3)["AP"])


def test_a_limit_of_detections_reaches_the_scores():
    truth, found = scenes(2)
    metric = BoxScores(max_detections=1)
    metric.dataset_meta = {"classes": CLASSES}
    metric.process({}, [sample.to_dict() for sample in samples_of(truth, found)])
    expected = coco_scores(truth, found, 3, max_detections=1)["AP"]
    assert metric.compute_metrics(metric.results)["AP"] == pytest.approx(expected)
    assert expected < coco_scores(truth, found, 3)["AP"]


def test_the_data_sets_own_boxes_come_before_those_of_the_pipeline():
    sample = data_sample(Objects([[0, 0, 5, 5]], [0]), Detections([], [], []))
    instance = {"bbox": [0, 0, 10, 20], "bbox_label": 2, "ignore_flag": 1, "area": 90.0}
    sample.set_metainfo({"instances": [instance]})
    found = objects_of(sample.to_dict())
    assert found.boxes.tolist() == [[0, 0, 10, 20]]
    assert (found.labels.tolist(), found.ignored.tolist(), found.areas.tolist()) == ([2], [True], [90])


def test_areas_of_instances_are_taken_where_all_have_one():
    plain, outlined = ({"bbox": [0, 0, 10, 20], "bbox_label": 0} | more for more in ({}, {"area": 90.0}))
    assert objects_of_instances([outlined, plain]).areas.tolist() == [200, 200]
    assert objects_of_instances([outlined, outlined]).areas.tolist() == [90, 90]
    assert len(objects_of_instances([])) == 0


def test_an_image_without_objects_has_none():
    assert len(objects_of(data_sample(Objects([], []), Detections([], [], [])).to_dict())) == 0


def test_ignored_objects_are_told_from_the_others():
    boxes = np.array([[0, 0, 5, 5], [10, 10, 15, 15], [20, 20, 25, 25]])
    sample = data_sample(Objects(boxes, [0, 1, 2], [False, True, False]), Detections([], [], []))
    found = objects_of(sample.to_dict())
    assert found.labels[found.ignored].tolist() == [1]
    assert found.boxes[found.ignored].tolist() == [[10, 10, 15, 15]]


def test_samples_without_true_boxes_are_refused():
    sample = DetDataSample(metainfo={"img_path": "test/a.png"})
    sample.gt_instances = InstanceData()
    with pytest.raises(DataError, match=r"expected true boxes .* found none for test/a\.png; evaluate on a split"):
        objects_of(sample.to_dict())


def test_boxes_that_were_resized_with_the_image_are_refused():
    sample = data_sample(Objects([[0, 0, 300, 100]], [0]), Detections([], [], []), size=(150, 200))
    with pytest.raises(
        DataError, match=r"inside of test/0\.png, 200x150 .* found one to 300, 100; put LoadAnnotations"
    ):
        objects_of(sample.to_dict())


@pytest.mark.parametrize("scale", [(128, 96), (32, 24)])
def test_mmdets_test_pipelines_leave_true_boxes_in_pixels_of_the_stored_image(tmp_path, scale):
    sample = piped(tmp_path, scale, [RESIZE, LOAD])
    assert objects_of(sample).boxes.tolist() == [[4, 4, 60, 40]]


def test_a_pipeline_that_enlarges_true_boxes_is_refused(tmp_path):
    with pytest.raises(DataError, match="put LoadAnnotations after Resize"):
        objects_of(piped(tmp_path, (128, 96), [LOAD, RESIZE]))


def test_a_pipeline_in_any_order_can_pack_the_data_sets_own_boxes(tmp_path):
    sample = piped(tmp_path, (32, 24), [LOAD, RESIZE], meta_keys=("img_path", "ori_shape", "instances"))
    assert objects_of(sample).boxes.tolist() == [[4, 4, 60, 40]]
