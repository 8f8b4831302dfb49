"""What the command lines ask of detection before a run: loaders that name files, and data that are there."""

import tasks.det  # noqa: F401 - puts operators in place

# isort: split
import pytest
from box_sets import CLASSES, write_coco_set
from mmcv.transforms import LoadImageFromFile
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from common.checked_image import CheckedImage
from common.errors import ConfigError, DataError
from tasks.det.entry import check_data, prepare

LOAD = {"type": "LoadImageFromFile", "backend_args": None}
BOXES = {"type": "LoadAnnotations", "with_bbox": True}
PACK = {"type": "PackDetInputs"}


def stock_config(load=LOAD):
    """Loaders as in configs of mmdet, some of them inside wrappers, one with two scales at once."""
    inner = {"type": "VOCDataset", "data_root": "data", "pipeline": [load, BOXES]}
    joined = {"type": "ConcatDataset", "datasets": [inner, inner]}
    mixed = {"type": "MultiImageMixDataset", "dataset": joined, "pipeline": [{"type": "Mosaic"}, PACK]}
    scales = {"type": "TestTimeAug", "transforms": [[{"type": "Resize"}], [load], [PACK]]}
    return Config(
        {
            "model": {"type": "RetinaNet", "bbox_head": {"num_classes": 2}},
            "train_dataloader": {"dataset": {"type": "RepeatDataset", "times": 3, "dataset": mixed}},
            "val_dataloader": {"dataset": {"type": "CocoDataset", "pipeline": [load, BOXES, PACK]}},
            "test_dataloader": {"dataset": {"type": "CocoDataset", "pipeline": [load, scales]}},
        }
    )


def test_every_stock_loader_of_images_becomes_one_that_names_the_file():
    cfg = stock_config()
    assert prepare(cfg) is None
    checked = {**LOAD, "type": "CheckedImage"}
    mixed = cfg.train_dataloader.dataset.dataset
    assert [each.pipeline for each in mixed.dataset.datasets] == [[checked, BOXES]] * 2
    assert mixed.pipeline == [{"type": "Mosaic"}, PACK]
    assert cfg.val_dataloader.dataset.pipeline == [checked, BOXES, PACK]
    first, scales = cfg.test_dataloader.dataset.pipeline
    assert first == scales.transforms[1][0] == checked
    assert "tasks.det" in cfg.custom_imports.imports


@pytest.mark.parametrize(
    ("kind", "becomes"),
    [
        (LoadImageFromFile, "CheckedImage"),
        ("mmcv.LoadImageFromFile", "CheckedImage"),
        ("mmdet.LoadImageFromFile", "CheckedImage"),
        ("mmseg.LoadImageFromFile", "mmseg.LoadImageFromFile"),
        ("LoadImageFromNDArray", "LoadImageFromNDArray"),
    ],
)
def test_loaders_are_known_by_their_class_and_full_name(kind, becomes):
    cfg = stock_config({"type": kind})
    prepare(cfg)
    assert cfg.val_dataloader.dataset.pipeline[0].type == becomes


def test_a_prepared_pipeline_names_the_picture_that_cannot_be_read(tmp_path):
    write_coco_set(tmp_path)
    (tmp_path / "2.png").write_bytes(b"no picture")
    cfg = stock_config()
    paths = {"data_root": str(tmp_path), "ann_file": "labels.json", "data_prefix": {"img": ""}}
    cfg.val_dataloader.dataset.update(paths, metainfo={"classes": CLASSES}, test_mode=True)
    prepare(cfg)
    with DefaultScope.overwrite_default_scope("mmdet"):
        dataset = DATASETS.build(cfg.val_dataloader.dataset)
    assert isinstance(dataset.pipeline.transforms[0], CheckedImage)
    assert dataset[0]["inputs"].shape == (3, 30, 40)
    with pytest.raises(DataError, match=r"expected a picture but found .*2\.png"):
        dataset[1]


def data_config(root, classes=CLASSES, count=2):
    dataset = {"type": "CocoBoxes", "data_root": str(root), "ann_file": "labels.json", "metainfo": {"classes": classes}}
    model = {"type": "RetinaNet", "bbox_head": {"num_classes": count}}
    return Config({"default_scope": "mmdet", "model": model, "train_dataloader": {"dataset": dataset}})


def test_data_that_are_there_and_have_the_detectors_classes_pass(tmp_path):
    write_coco_set(tmp_path)
    assert check_data(data_config(tmp_path)) is None


def test_missing_data_are_told_before_classes_that_do_not_fit(tmp_path):
    with pytest.raises(DataError, match=r"expected Coco train data at .*labels\.json"):
        check_data(data_config(tmp_path, count=3))


def test_data_of_another_number_of_classes_are_refused(tmp_path):
    write_coco_set(tmp_path)
    with pytest.raises(ConfigError, match=r"expected 3 classes, as the detector .* train_dataloader names 2"):
        check_data(data_config(tmp_path, count=3))


def test_a_config_of_no_detector_is_refused(tmp_path):
    write_coco_set(tmp_path)
    cfg = data_config(tmp_path)
    cfg.model = {"type": "EncoderDecoder"}
    with pytest.raises(ConfigError, match="a detector of mmdet with num_classes in its bbox_head but found Encoder"):
        check_data(cfg)
