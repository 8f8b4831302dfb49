"""Losses of a config: which taps and ground truth their arguments are bound to, and what is misspelt in it."""

import pytest
import torch
from torch import Tensor, nn

from common.binding import read_tap_paths, read_term
from common.errors import ConfigError
from common.terms import (
    LossTerm,
    Source,
)

PATHS = read_tap_paths({"logits": "head", "feat": {"student": "body", "tough": ["a", "b"]}}, ["student", "tough"])


def read(cfg):
    return read_term("kd", {"type": "KDLoss", "student": "logits", "teacher": "logits", **cfg}, PATHS, ["tough"])


def test_tap_path_holds_for_every_model_or_for_each_its_own():
    assert PATHS == {
        "student": {"logits": ["head"], "feat": ["body"]},
        "tough": {"logits": ["head"], "feat": ["a", "b"]},
    }


def test_arguments_are_bound_by_their_name_by_owner_or_to_ground_truth():
    term = read({"teacher": "tough.logits", "target": "gt_sem_seg", "temperature": 2.0, "weight": 3})
    assert term.sources == {
        "student": Source("student", "logits"),
        "teacher": Source("tough", "logits"),
        "target": Source("gt", "gt_sem_seg"),
    }
    assert term.loss.options["temperature"] == 2.0
    assert term.weight(0) == 3.0
    assert read({}).sources["teacher"] == Source("tough", "logits")


def test_a_field_of_ground_truth_is_named_with_a_dot():
    cfg = {"type": "FGDLoss", "student": "logits", "teacher": "logits", "boxes": "gt_instances.bboxes"}
    term = read_term("fgd", {**cfg, "image_size": "gt.img_shape"}, PATHS, ["tough"])
    assert term.sources["boxes"] == Source("gt", "gt_instances.bboxes")
    assert term.sources["image_size"] == Source("gt", "img_shape")


def test_several_teachers_need_their_names():
    paths = read_tap_paths({"logits": "head"}, ["student", "one", "two"])
    with pytest.raises(ConfigError, match=r"teacher='logits' leaves open whose tap; say 'student.logits'"):
        read_term("kd", {"type": "KDLoss", "student": "logits", "teacher": "logits"}, paths, ["one", "two"])


@pytest.mark.parametrize(
    ("cfg", "message"),
    [
        ({"type": "KDLos"}, "no loss 'KDLos'; did you mean 'KDLoss'"),
        ({"temprature": 2}, r"loss 'kd' \(KDLoss\): unknown key 'temprature'; did you mean 'temperature'"),
        ({"wieght": 2}, "unknown key 'wieght'"),
        ({"student": "logit"}, "student has no tap 'logit'; did you mean 'logits'"),
        ({"teacher": "tuogh.logits"}, "no model 'tuogh' in teacher='tuogh.logits'; did you mean 'tough'"),
        ({"target": "logits"}, "target='logits' leaves open whose tap; say 'student.logits'"),
        ({"target": "sem_seg"}, "target='sem_seg' is neither a tap nor a gt_ name"),
        ({"student": 3}, "expected student= to name one tap or ground truth but found 3"),
        (
            {"type": "pixel_dkd_loss", "target": "gt_sem_seg", "weights": {"type": "feature_distance_weights"}},
            "expected weights= to name one tap or ground truth but found {'type'",
        ),
        ({"type": "BPKDLoss"}, r"loss 'kd' \(BPKDLoss\) needs target=; name one of the taps \(feat, logits\)"),
        ({"temperature": 0}, r"loss 'kd' \(KDLoss\): expected a temperature above 0 but found 0"),
        ({"type": "CRDLoss"}, r"loss 'kd' \(CRDLoss\): .*missing 1 required positional argument: 'num_samples'"),
        ({"type": "OFDLoss"}, r"loss 'kd' \(OFDLoss\): expected either margin= or batch_norm="),
        ({"type": "MasKDLoss", "tokens": "x.pth"}, r"loss 'kd' \(MasKDLoss\): expected trained tokens .* at x.pth"),
        ({"weight": {"type": "cosin", "value": 1, "steps": 2}}, "'kd'.* did you mean 'cosine'"),
    ],
)
def test_misspelt_loss_config_names_the_key_and_the_nearest(cfg, message):
    with pytest.raises(ConfigError, match=message):
        read(cfg)


def test_loss_without_type_says_so():
    with pytest.raises(ConfigError, match=r"loss 'kd' has no type"):
        read_term("kd", {"student": "logits"}, PATHS, ["tough"])


@pytest.mark.parametrize(
    ("taps", "message"),
    [
        ({"feat": {"teachr": "a"}}, "tap 'feat': no model 'teachr'; did you mean 'teacher'"),
        ({"a.b": "c"}, "tap name 'a.b': expected a plain name"),
    ],
)
def test_misspelt_tap_table_names_the_entry(taps, message):
    with pytest.raises(ConfigError, match=message):
        read_tap_paths(taps, ["student", "teacher"])


class MaybeTaught(nn.Module):
    def forward(self, student: Tensor, teacher: Tensor | None = None) -> Tensor:
        return student.mean() if teacher is None else (student - teacher).mean()


def test_a_tensor_that_is_none_in_a_config_is_left_out():
    for loss in (MaybeTaught, MaybeTaught().forward):
        term = read_term("l1", {"type": loss, "student": "logits", "teacher": None}, PATHS, ["tough"])
        assert list(term.sources) == ["student"]
        assert LossTerm(term)({"student": {"logits": torch.ones(1, 2)}}, step=0)["loss_l1"] == 1
