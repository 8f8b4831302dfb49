"""Boxes as mmdet's pipelines get them, and what is said about data that are not as they should be."""

import numpy as np
import pytest
from box_sets import CLASSES, SIZE, coco, picture, write_coco_set, write_table_set, write_voc_set
from mmdet.registry import DATASETS
from mmengine.registry import DefaultScope

import tasks.det  # noqa: F401
from common.errors import ConfigError, DataError
from tasks.det.boxes import Detections
from tasks.det.coco_scores import coco_scores
from tasks.det.datasets import CocoBoxes, CSVBoxes, VOCBoxes
from tasks.det.metrics import objects_of_instances

METAINFO = {"classes": CLASSES}
PIPELINE = [
    {"type": "CheckedImage"},
    {"type": "LoadAnnotations", "with_bbox": True},
    {"type": "PackDetInputs"},
]


@pytest.fixture(autouse=True)
def _names_of_mmdet():
    with DefaultScope.overwrite_default_scope("mmdet"):
        yield


WRITERS = {"CocoBoxes": write_coco_set, "VOCBoxes": write_voc_set, "CSVBoxes": write_table_set}
PLACES = {
    "CocoBoxes": {"ann_file": "labels.json"},
    "VOCBoxes": {"part": "train"},
    "CSVBoxes": {"ann_file": "labels.csv"},
}


@pytest.fixture(params=sorted(WRITERS))
def settings(request, tmp_path):
    """Config of a data set that holds the same three pictures in one of the layouts."""
    WRITERS[request.param](tmp_path)
    return {"type": request.param, "data_root": str(tmp_path), "metainfo": METAINFO, **PLACES[request.param]}


def test_every_layout_gives_the_same_samples(settings):
    dataset = DATASETS.build({**settings, "pipeline": PIPELINE})
    first, second, third = (dataset[index]["data_samples"] for index in range(3))
    np.testing.assert_array_equal(first.gt_instances.bboxes.tensor, [[4, 5, 14, 13], [20, 10, 40, 30]])
    assert first.gt_instances.labels.tolist() == [0, 1]
    assert first.ori_shape == SIZE[::-1]
    np.testing.assert_array_equal(second.ignored_instances.bboxes.tensor, [[0, 0, 40, 30]])
    assert len(second.gt_instances) == 0
    assert len(third.gt_instances) == 0
    assert [sample.img_id for sample in (first, second, third)] == [1, 2, 3]


def test_pictures_without_boxes_stay_unless_filtered(settings):
    assert len(DATASETS.build(settings)) == 3
    filtered = {**settings, "filter_cfg": {"filter_empty_gt": True}}
    assert len(DATASETS.build(filtered)) == 2
    assert len(DATASETS.build({**filtered, "test_mode": True})) == 3


def test_set_of_boxes_is_at_hand(settings):
    dataset = DATASETS.build(settings)
    assert dataset.box_set.counts() == {"cat": 1, "dog": 1}
    assert dataset.metainfo["classes"] == CLASSES
    assert len(dataset.metainfo["palette"]) == 2
    assert dataset.get_cat_ids(0) == [0, 1]


def test_rules_of_the_readers_are_options(settings):
    renamed = {**settings, "metainfo": {"classes": ("pet",)}, "rename": {"cat": "pet"}, "unknown": "drop"}
    assert DATASETS.build(renamed).box_set.counts() == {"pet": 1}
    with pytest.raises(ConfigError, match="outside 'refuse' or 'clip' but found 'keep'"):
        DATASETS.build({**settings, "outside": "keep"})


def test_small_pictures_are_filtered(settings):
    assert len(DATASETS.build({**settings, "filter_cfg": {"min_size": 30}})) == 3
    with pytest.raises(DataError, match=r"filter_cfg=.* leaves none of 3"):
        DATASETS.build({**settings, "filter_cfg": {"min_size": 31}})
    with pytest.raises(ConfigError, match="'min_siz'; did you mean 'min_size'"):
        DATASETS.build({**settings, "filter_cfg": {"min_siz": 31}})


def test_palette_must_have_a_colour_for_each_class(settings):
    with pytest.raises(ConfigError, match="palette of 2 colours but found 1"):
        DATASETS.build({**settings, "metainfo": {**METAINFO, "palette": [[0, 0, 0]]}})


def test_objects_of_a_coco_file_have_the_areas_of_their_outlines(tmp_path):
    dataset = CocoBoxes(str(write_coco_set(tmp_path)), data_prefix={"img": str(tmp_path)})
    objects = [objects_of_instances(dataset.get_data_info(index)["instances"]) for index in range(3)]
    assert [each.areas.tolist() for each in objects] == [[60.5, 300], [900], []]


@pytest.mark.parametrize(("outline", "size"), [(32 * 32 - 1, "small"), (32 * 32 + 1, "medium")])
def test_the_outline_decides_whether_an_object_is_small(tmp_path, outline, size):
    content = {
        "images": [{"id": 1, "file_name": "1.png", "width": 90, "height": 90}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 80, 80], "area": outline}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    dataset = CocoBoxes(str(write_coco_set(tmp_path, content)), data_prefix={"img": str(tmp_path)})
    truth = objects_of_instances(dataset.get_data_info(0)["instances"])
    scores = coco_scores([truth], [Detections([[0, 0, 80, 80]], [0.9], [0])], 1)
    there = {name for name in ("small", "medium", "large") if not np.isnan(scores[f"AP_{name}"])}
    assert there == {size}
    assert scores[f"AP_{size}"] == pytest.approx(100)


def test_classes_of_a_coco_file_are_its_own_by_default(tmp_path):
    path = write_coco_set(tmp_path)
    assert CocoBoxes(str(path), data_prefix={"img": str(tmp_path)}).metainfo["classes"] == CLASSES


def test_classes_of_other_layouts_must_be_given(tmp_path):
    write_voc_set(tmp_path)
    write_table_set(tmp_path)
    for kind, places in ((VOCBoxes, {"part": "train"}), (CSVBoxes, {"ann_file": "labels.csv"})):
        with pytest.raises(ConfigError, match=r"give metainfo=dict\(classes=\('cat', 'dog'\)\)"):
            kind(data_root=tmp_path, **places)


def test_picture_of_another_size_than_labelled_is_named(tmp_path):
    dataset = CocoBoxes("labels.json", data_root=write_coco_set(tmp_path).parent, pipeline=PIPELINE)
    picture(tmp_path / "2.png", (50, 30))
    with pytest.raises(DataError, match=r"picture of 40x30 .* found 50x30 in .*2\.png"):
        dataset[1]


def test_pictures_are_looked_for_below_their_prefix(tmp_path):
    (tmp_path / "all").mkdir()
    write_coco_set(tmp_path / "all").rename(tmp_path / "labels.json")
    assert len(CocoBoxes("labels.json", data_root=str(tmp_path), data_prefix={"img": "all"})) == 3
    with pytest.raises(DataError, match=r"3 of 3 are not there; the first is .*1\.png"):
        CocoBoxes("labels.json", data_root=str(tmp_path))


def test_two_sets_are_joined_by_the_engine(tmp_path):
    for name in ("a", "b"):
        write_voc_set(tmp_path / name)
    one = {"type": "VOCBoxes", "part": "train", "metainfo": METAINFO}
    parts = [{**one, "data_root": str(tmp_path / name)} for name in ("a", "b")]
    assert len(DATASETS.build({"type": "ConcatDataset", "datasets": parts})) == 6


def test_labels_agree_with_mmdet_s_own_reader(tmp_path):
    from mmdet.datasets import CocoDataset

    content = coco()
    content["categories"] = [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}]
    for annotation, category in zip(content["annotations"], (7, 3, 3), strict=True):
        annotation["category_id"] = category
    options = {"ann_file": str(write_coco_set(tmp_path, content)), "data_prefix": {"img": str(tmp_path)}}
    ours, theirs = (kind(**options, metainfo=METAINFO, test_mode=True) for kind in (CocoBoxes, CocoDataset))
    for index in range(3):
        mine, other = ours.get_data_info(index), theirs.get_data_info(index)
        bare = [{key: value for key, value in each.items() if key != "area"} for each in mine["instances"]]
        assert bare == other["instances"]
        assert all(mine[key] == other[key] for key in ("img_path", "img_id", "height", "width"))


def test_real_blood_cells_go_through_the_pipeline(shared_data):
    classes = {"classes": ("RBC", "WBC", "Platelets")}
    dataset = VOCBoxes(shared_data / "bccd", "test", metainfo=classes, pipeline=PIPELINE)
    sample = dataset[0]
    assert sample["inputs"].shape == (3, 480, 640)
    assert len(sample["data_samples"].gt_instances) == len(dataset.box_set.images[0].boxes)
