"""Losses of mmdet's heads, beside mmdet's own and by hand."""

import copy

import numpy as np
import pytest
import torch
from conftest import ROOT
from mmdet.registry import MODELS
from mmengine.structures import InstanceData

import tasks.det  # noqa: F401
from common.config import read_config
from tasks.det.losses import LDBoxLoss, dense_dist_loss

SIZES = [(64, 64), (56, 64)]
GRIDS = [(8, 8), (4, 4), (2, 2), (1, 1), (1, 1)]
LABELS = [[0, 2], [1]]
BOXES = [[[4.0, 4.0, 40.0, 44.0], [20.0, 8.0, 60.0, 30.0]], [[10.0, 10.0, 50.0, 50.0]]]


@pytest.fixture
def head():
    """GFL's, of three classes, as LD's student in mmdet."""
    cfg = read_config(ROOT / "configs" / "det" / "student_gfl_r50_coco.py").model
    loss = {"type": "KnowledgeDistillationKLDivLoss", "loss_weight": 0.25, "T": 10}
    settings = {**cfg.bbox_head, "type": "LDHead", "_scope_": "mmdet", "num_classes": 3, "loss_ld": loss}
    settings.update(in_channels=32, feat_channels=32, train_cfg=cfg.train_cfg, test_cfg=cfg.test_cfg)
    return MODELS.build(settings)


def maps(channels, seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, channels, *grid, generator=generator) for grid in GRIDS]


def objects(boxes=BOXES, labels=LABELS):
    return [
        InstanceData(bboxes=torch.tensor(box).view(-1, 4), labels=torch.tensor(label, dtype=torch.long))
        for box, label in zip(boxes, labels, strict=True)
    ]


def shown(head, **options):
    loss = LDBoxLoss(**options)
    loss.read_teacher([head])
    return loss


def test_localization_distillation_is_that_of_mmdets_head(head):
    student, teacher, scores = maps(68, 0), maps(68, 1), maps(3, 2)
    metas = [{"img_shape": size, "pad_shape": (64, 64)} for size in SIZES]
    theirs = head.loss_by_feat(scores, student, objects(), metas, teacher)["loss_ld"]
    ours = shown(head)(student, teacher, scores, objects(), SIZES, [(64, 64)] * 2, None)
    assert ours > 0
    torch.testing.assert_close(0.25 * ours, sum(theirs))


def test_only_where_objects_are_assigned_and_only_the_sides_get_a_gradient(head):
    student, scores = maps(68, 0), maps(3, 2)
    for each in (*student, *scores):
        each.requires_grad_()
    shown(head)(student, maps(68, 1), scores, objects(), SIZES, [(64, 64)] * 2, None).backward()
    assert all(each.grad is None for each in scores)
    touched = student[0].grad.abs().sum(1) > 0
    assert 0 < touched.sum() <= 2 * 9 * 3  # ATSS takes the nine nearest of a level for each object
    y, x = torch.nonzero(touched[1], as_tuple=True)
    assert (((8 * x + 4) >= 10) & ((8 * x + 4) <= 50) & ((8 * y + 4) >= 10) & ((8 * y + 4) <= 50)).all()


def test_images_without_objects_are_at_zero(head):
    student = [each.requires_grad_() for each in maps(68, 0)]
    none = objects([[], []], [[], []])
    loss = shown(head)(student, maps(68, 1), maps(3, 2), none, SIZES, [(64, 64)] * 2, None)
    loss.backward()
    assert loss == 0
    assert all(each.grad is None or not each.grad.any() for each in student)


def test_the_assigning_head_is_no_part_of_the_loss(head):
    loss = shown(head)
    assert loss.state_dict() == {}
    assert copy.deepcopy(loss)._assign.head is head


def test_other_heads_and_sides_are_refused(head):
    with pytest.raises(ValueError, match="expected a head of GFL at bbox_head but found Identity"):
        LDBoxLoss().read_teacher([torch.nn.Identity()])
    with pytest.raises(ValueError, match=r"expected student sides of shape \(B, K, H, W\) = \(2, 68, 8, 8\)"):
        shown(head)(maps(64, 0), maps(68, 1), maps(3, 2), objects(), SIZES, [(64, 64)] * 2, None)
    with pytest.raises(RuntimeError, match="no head to assign with"):
        LDBoxLoss()(maps(68, 0), maps(68, 1), maps(3, 2), objects(), SIZES, [(64, 64)] * 2, None)


def test_dense_scores_are_correlated_by_anchor():
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(2, 2 * 3, 2, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    # mmdet reads the channels of a position as (anchors, classes).
    q, p = (x.permute(0, 2, 3, 1).reshape(-1, 3).sigmoid().numpy() for x in (student, teacher))
    of_classes = np.mean([1 - np.corrcoef(*rows)[0, 1] for rows in zip(q, p, strict=True)])
    of_samples = np.mean([1 - np.corrcoef(*columns)[0, 1] for columns in zip(q.T, p.T, strict=True)])
    found = dense_dist_loss(student, teacher, num_classes=3, beta=2.0, gamma=3.0)
    assert found.item() == pytest.approx(2 * of_classes + 3 * of_samples, rel=1e-6)


def test_channels_that_are_no_whole_anchors_are_refused():
    with pytest.raises(ValueError, match="expected scores of anchors with 4 classes but found 6 channels"):
        dense_dist_loss(torch.zeros(1, 6, 2, 2), torch.zeros(1, 6, 2, 2), num_classes=4)
