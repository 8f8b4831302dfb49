"""Distilling any pair of mmseg networks from default taps, with loaders that name files."""

import inspect

import cv2
import numpy as np
import pytest
import torch
from conftest import ROOT
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS, MODELS
from small_runs import network, run_config, write_config

import tasks.seg  # noqa: F401
from common.checkpoint import read_checkpoint
from common.config import check_keys, read_config
from common.errors import ConfigError, DataError
from common.losses import BPKDLoss
from common.losses.bpkd import bpkd_loss
from common.losses.logits import kd_loss
from tasks.seg.entry import prepare
from tasks.seg.methods import METHODS, distilled_config, logits_path


@pytest.fixture
def student(tmp_path, small_camvid):
    return read_config(write_config(tmp_path / "student.py", run_config(small_camvid, network())))


@pytest.fixture
def build():
    def build(model):
        with DefaultScope.overwrite_default_scope("mmseg"):
            return MODELS.build(model)

    return build


@pytest.mark.parametrize(("method", "loss"), [("kd", "KDLoss"), ("cwd", "CWDLoss"), ("bpkd", "BPKDLoss")])
def test_method_trains_the_networks_last_scores(student, small_teacher, build, method, loss):
    config, checkpoint = map(str, small_teacher)
    cfg = distilled_config(student, config, checkpoint, method)
    model = build(cfg.model)
    table = model.terms.table()
    assert [row[0] for row in table[:2]] == ["student = student.logits", "teacher = teacher.logits"]
    assert table[0][1] == "2x11x16x16"  # an eighth of the example's 128
    assert table[0][3] == loss
    stored = read_checkpoint(checkpoint)["state_dict"]
    assert (
        model.teachers["teacher"].model.state_dict()["decode_head.conv_seg.bias"] == stored["decode_head.conv_seg.bias"]
    ).all()
    assert model.student.state_dict().keys() == build(student.model).state_dict().keys()


def test_rest_of_the_config_stays_and_the_folder_is_named_after_the_method(student, small_teacher):
    cfg = distilled_config(student, *map(str, small_teacher), "cwd")
    assert cfg.model.student == student.model
    assert cfg.optim_wrapper == student.optim_wrapper
    assert cfg.work_dir == "work_dirs/student_cwd"
    assert student.model.type == "EncoderDecoder"


def test_values_that_the_config_kept_for_itself_are_left_out(student, small_teacher):
    student.depths = [2, 2]
    cfg = distilled_config(student, *map(str, small_teacher), "kd")
    assert "depths" not in cfg
    check_keys(cfg, strict=True)


def test_auxiliary_heads_and_cascades_are_told_from_the_last_head(build):
    cascade = {"type": "CascadeEncoderDecoder", "decode_head": [{"type": "FCNHead"}, {"type": "OCRHead"}]}
    assert logits_path(Config(cascade)._cfg_dict) == "decode_head.1.conv_seg"
    assert logits_path(Config(network())._cfg_dict) == "decode_head.conv_seg"


def test_pointrend_is_refused_since_it_has_no_dense_scores():
    cascade = {"type": "CascadeEncoderDecoder", "decode_head": [{"type": "FCNHead"}, {"type": "PointHead"}]}
    with pytest.raises(ConfigError, match="no dense class scores to distil"):
        logits_path(Config(cascade)._cfg_dict)


def test_hyperparameters_are_those_of_the_suites_configs():
    for method, settings in METHODS.items():
        losses = read_config(ROOT / "configs" / "seg" / f"{method}_deeplab.py").model.losses
        assert list(losses) == [method]
        written = dict(losses[method])
        if method == "bpkd":  # the config spells out the defaults
            defaults = {k: p.default for k, p in inspect.signature(BPKDLoss).parameters.items()}
            written = {k: v for k, v in written.items() if k not in defaults or v != defaults[k]}
        assert written == settings


def test_unknown_method_offers_the_nearest(student, small_teacher):
    with pytest.raises(ConfigError, match=r"no method 'bpk'; there are kd, cwd, bpkd; did you mean 'bpkd'"):
        distilled_config(student, *map(str, small_teacher), "bpk")


def test_teacher_of_other_classes_is_refused_before_anything_is_built(student, small_teacher, tmp_path, small_camvid):
    other = write_config(tmp_path / "other.py", run_config(small_camvid, network(classes=19)))
    with pytest.raises(ConfigError, match=r"expected a teacher of 11 classes, .* but .*other\.py has 19"):
        distilled_config(student, str(other), str(small_teacher[1]), "kd")


def binary(classes=2, **head):
    """A network of `classes` classes whose head has further settings."""
    model = network(classes=classes)
    model["decode_head"].update(head)
    return model


@pytest.mark.parametrize("single", ["student", "teacher"])
def test_head_with_a_single_channel_is_refused_with_its_file(tmp_path, small_camvid, small_teacher, single):
    paths = {}
    for name in ("student", "teacher"):
        model = binary(out_channels=1) if name == single else binary()
        paths[name] = write_config(tmp_path / f"{name}.py", run_config(small_camvid, model))
    with pytest.raises(ConfigError, match=rf"at least 2 class scores per pixel but .*{single}\.py has a head"):
        distilled_config(read_config(paths["student"]), str(paths["teacher"]), str(small_teacher[1]), "kd")


def test_two_channels_written_out_or_not_are_the_same_classes(tmp_path, small_camvid, small_teacher):
    student = write_config(tmp_path / "student.py", run_config(small_camvid, binary(out_channels=2)))
    teacher = write_config(tmp_path / "teacher.py", run_config(small_camvid, binary()))
    cfg = distilled_config(read_config(student), str(teacher), str(small_teacher[1]), "kd")
    assert cfg.model.student.decode_head.out_channels == 2


@pytest.mark.parametrize("loss", [kd_loss, lambda *scores: bpkd_loss(*scores, torch.zeros(1, 4, 4, dtype=torch.long))])
def test_losses_over_one_class_are_refused(loss):
    with pytest.raises(ValueError, match="expected at least 2 classes but found 1"):
        loss(torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4))


def stock_config(model, load=None):
    """The loaders of an mmseg config, one of them inside wrappers, one with several flips at once."""
    load = load or [
        {"type": "LoadImageFromFile", "imdecode_backend": "pillow"},
        {"type": "LoadAnnotations", "imdecode_backend": "cv2"},
    ]
    pack = {"type": "PackSegInputs"}
    inner = {"type": "ADE20KDataset", "data_root": "data", "pipeline": load}
    joined = {"type": "ConcatDataset", "datasets": [inner, inner]}
    mixed = {"type": "MultiImageMixDataset", "dataset": joined, "pipeline": [{"type": "RandomMosaic"}, pack]}
    flips = {"type": "TestTimeAug", "transforms": [[{"type": "LoadAnnotations"}], [pack]]}
    return Config(
        {
            "model": model,
            "train_dataloader": {"dataset": mixed},
            "val_dataloader": {"dataset": {"type": "ADE20KDataset", "pipeline": [*load, pack]}},
            "test_dataloader": {"dataset": {"type": "ADE20KDataset", "pipeline": [load[0], flips]}},
        }
    )


@pytest.mark.parametrize("distils", [False, True])
def test_stock_loaders_become_those_that_name_files(distils):
    model = network(classes=13)
    cfg = stock_config({"type": "Distiller", "student": model} if distils else model)
    assert prepare(cfg) is None
    image = {"type": "CheckedImage", "imdecode_backend": "pillow"}
    label = {"type": "CheckedAnnotations", "imdecode_backend": "cv2", "num_classes": 13}
    mixed = cfg.train_dataloader.dataset
    assert [one.pipeline for one in mixed.dataset.datasets] == [[image, label]] * 2
    assert mixed.pipeline == [{"type": "RandomMosaic"}, {"type": "PackSegInputs"}]
    assert cfg.val_dataloader.dataset.pipeline == [image, label, {"type": "PackSegInputs"}]
    first, flips = cfg.test_dataloader.dataset.pipeline
    assert first == image
    assert flips.transforms[0] == [{"type": "CheckedAnnotations", "num_classes": 13}]
    assert "tasks.seg" in cfg.custom_imports.imports


def test_loaders_are_known_by_their_class_and_full_name_but_not_those_of_other_packages():
    load = [{"type": LoadImageFromFile}, {"type": "mmseg.LoadAnnotations"}, {"type": "mmdet.LoadAnnotations"}]
    cfg = stock_config(network(), load)
    prepare(cfg)
    kinds = [transform["type"] for transform in cfg.val_dataloader.dataset.pipeline]
    assert kinds == ["CheckedImage", "CheckedAnnotations", "mmdet.LoadAnnotations", "PackSegInputs"]


@pytest.mark.parametrize(
    ("model", "limits"),
    [
        ({"decode_head": [{"num_classes": 7}, {"num_classes": 9}]}, {"num_classes": 9}),
        ({"decode_head": {"num_classes": 3, "ignore_index": 254}}, {"num_classes": 3, "ignore_index": 254}),
        ({"decode_head": {"num_classes": 1, "out_channels": 1}}, {"num_classes": 2}),
        ({"type": "ImageClassifier"}, {}),
    ],
)
def test_labels_are_held_against_the_last_head(model, limits):
    cfg = stock_config(model, [{"type": "LoadAnnotations"}])
    prepare(cfg)
    assert cfg.val_dataloader.dataset.pipeline[0] == {"type": "CheckedAnnotations", **limits}


@pytest.mark.parametrize(("lowest", "passes"), [(0, True), (1, False)])
def test_range_is_that_of_the_labels_after_zero_was_taken_out(tmp_path, lowest, passes):
    """Twelve values in the file; with reduce_zero_label 0 is ignored and 1..11 are eleven classes."""
    for name, picture in (("a.jpg", np.zeros((3, 4, 3))), ("a.png", np.arange(12).reshape(3, 4) + lowest)):
        cv2.imwrite(str(tmp_path / name), picture.astype(np.uint8))
    prefix = {"img_path": str(tmp_path), "seg_map_path": str(tmp_path)}
    cfg = stock_config(network(), [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations"}])
    cfg.val_dataloader.dataset.update(type="BaseSegDataset", data_prefix=prefix, reduce_zero_label=True)
    cfg.val_dataloader.dataset.pipeline.pop()
    prepare(cfg)
    with DefaultScope.overwrite_default_scope("mmseg"):
        dataset = DATASETS.build(cfg.val_dataloader.dataset)
    if passes:
        np.testing.assert_array_equal(dataset[0]["gt_seg_map"].ravel(), [255, *range(11)])
    else:
        with pytest.raises(DataError, match=r"values 0\.\.10 or 255 but found 11 \(1 pixels\) in .*a\.png"):
            dataset[0]


def test_config_that_distils_already_is_refused(student, small_teacher):
    cfg = distilled_config(student, *map(str, small_teacher), "kd")
    with pytest.raises(ConfigError, match="distils already; give the student's own config"):
        distilled_config(cfg, *map(str, small_teacher), "kd")


def test_network_without_a_decode_head_is_refused():
    with pytest.raises(ConfigError, match="expected an mmseg network with a decode_head but found ImageClassifier"):
        logits_path(Config({"type": "ImageClassifier"})._cfg_dict)


def test_missing_teacher_config_is_named(student):
    with pytest.raises(ConfigError, match=r"expected a config file at nowhere\.py but found none"):
        distilled_config(student, "nowhere.py", "x.pth", "kd")
