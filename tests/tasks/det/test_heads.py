"""Heads and necks that mmdet lacks, or whose gaps are mended."""

import tasks.det  # noqa: F401 - puts operators in place

# isort: split
import numpy as np
import pytest
import torch
from mmdet.models.dense_heads import RepPointsHead
from mmdet.models.necks import SSDNeck
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from small_detectors import scenery, write_network

from tasks.det.models import load_detector

NECK = {
    "type": "ProjectedSSDNeck",
    "_scope_": "mmdet",
    "in_channels": (12, 20),
    "out_channels": (6, 8, 10),
    "level_strides": (2,),
    "level_paddings": (1,),
    "l2_norm_scale": None,
}

# What RepPoints asks of mmdet for its loss.
EVERYWHERE = {"allowed_border": -1, "pos_weight": -1}
POINTS = {"type": "PointAssigner", "scale": 4, "pos_num": 1}
OVERLAP = {"type": "MaxIoUAssigner", "pos_iou_thr": 0.5, "neg_iou_thr": 0.4, "min_pos_iou": 0}
TRAINING = {"train_cfg": {"init": {"assigner": POINTS, **EVERYWHERE}, "refine": {"assigner": OVERLAP, **EVERYWHERE}}}


def batch(size=(96, 128)):
    """A picture with an object, as a data loader gives it."""
    shape = {"img_shape": size, "ori_shape": size, "pad_shape": size, "scale_factor": (1.0, 1.0)}
    objects = InstanceData(bboxes=torch.tensor([[10.0, 12.0, 50.0, 60.0]]), labels=torch.tensor([1]))
    none = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))
    sample = DetDataSample(gt_instances=objects, ignored_instances=none, metainfo=shape)
    return pseudo_collate(
        [{"inputs": torch.from_numpy(scenery(*size).transpose(2, 0, 1).copy()), "data_samples": sample}]
    )


def detector(folder, kind, change=None):
    return load_detector(*write_network(folder, kind, change), "cpu")[0]


def test_an_ssd_predicts(tmp_path):
    (found,) = detector(tmp_path, "SingleStageDetector").test_step(batch())
    boxes = found.pred_instances
    assert len(boxes) > 0
    assert boxes.scores.min() > 0.3
    assert set(boxes.labels.tolist()) <= {0, 1, 2}
    assert np.isfinite(boxes.bboxes.numpy()).all()


def test_loss_of_reppoints_is_the_same_in_eval_mode_and_leaves_the_mode_as_it_was(tmp_path):
    model = detector(tmp_path, "RepPointsDetector", TRAINING)
    data = model.data_preprocessor(batch(), True)
    maps = model.extract_feat(data["inputs"])
    losses = {}
    for training in (False, True):
        model.bbox_head.train(training)
        losses[training] = model.bbox_head.loss(maps, data["data_samples"])
        assert model.bbox_head.training == training
    assert losses[False].keys() == losses[True].keys() == {"loss_cls", "loss_pts_init", "loss_pts_refine"}
    for key, values in losses[True].items():
        assert all(torch.equal(own, other) for own, other in zip(losses[False][key], values, strict=True))
        assert all(torch.isfinite(value) for value in values)


def test_a_failing_loss_of_reppoints_leaves_the_mode_too(tmp_path):
    head = detector(tmp_path, "RepPointsDetector").bbox_head.eval()
    assert isinstance(head, RepPointsHead)
    with pytest.raises(TypeError):
        head.loss(None, None)
    assert not head.training


def test_projected_maps_have_the_channels_of_the_teachers():
    init_default_scope("mmdet")
    neck = MODELS.build(NECK).eval()
    found = neck([torch.randn(2, 12, 16, 24), torch.randn(2, 20, 8, 12)])
    assert [tuple(each.shape) for each in found] == [(2, 6, 16, 24), (2, 8, 8, 12), (2, 10, 4, 6)]


def test_projections_stand_before_mmdets_neck():
    init_default_scope("mmdet")
    torch.manual_seed(0)
    neck = MODELS.build(NECK).eval()
    plain = SSDNeck((6, 8), (6, 8, 10), level_strides=(2,), level_paddings=(1,), l2_norm_scale=None).eval()
    own = {key: value for key, value in neck.state_dict().items() if not key.startswith("projections.")}
    plain.load_state_dict(own, strict=True)
    inputs = [torch.randn(1, 12, 8, 8), torch.randn(1, 20, 4, 4)]
    projected = [layer(each) for layer, each in zip(neck.projections, inputs, strict=True)]
    assert all(each.min() >= 0 for each in projected)  # behind batch norm and ReLU
    for found, expected in zip(neck(inputs), plain(projected), strict=True):
        assert torch.equal(found, expected)


def test_projections_are_1x1_convolutions_with_batch_norm():
    init_default_scope("mmdet")
    shapes = {key: tuple(value.shape) for key, value in MODELS.build(NECK).named_parameters() if "projections" in key}
    assert shapes == {
        "projections.0.conv.weight": (6, 12, 1, 1),
        "projections.0.bn.weight": (6,),
        "projections.0.bn.bias": (6,),
        "projections.1.conv.weight": (8, 20, 1, 1),
        "projections.1.bn.weight": (8,),
        "projections.1.bn.bias": (8,),
    }
