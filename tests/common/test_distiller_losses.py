"""Losses at work in a distiller: what they are bound to, say and weigh."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement, InstanceData
from toy_distillers import INPUTS, KD, SAMPLES, make, step
from toys import set_iteration

from common.distiller import Distiller
from common.errors import ConfigError
from common.losses import ReceptiveTokens, feature_distance_weights, ofd_loss, ofd_margin, pixel_dkd_loss

pytestmark = pytest.mark.usefixtures("no_run_before")


class ToldLoss(torch.nn.Module):
    """A distance that says a share too."""

    adapter = None

    def forward(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        self.logged = {"above": (student > teacher).float().mean()}
        return F.mse_loss(student, teacher)


def test_what_a_loss_says_beside_its_value_is_logged_unscaled_and_not_summed():
    told = {"type": ToldLoss, "student": "logits", "teacher": "logits"}
    logs = [step(make(losses={"mse": {**told, "weight": weight}})) for weight in (1.0, 5.0)]
    assert logs[0].keys() == {"loss", "loss_ce", "loss_mse", "mse_above"}
    torch.testing.assert_close(logs[1]["loss_mse"], 5 * logs[0]["loss_mse"])
    assert 0 < logs[0]["mse_above"] < 1
    assert logs[1]["mse_above"] == logs[0]["mse_above"]
    for log in logs:
        torch.testing.assert_close(log["loss"], log["loss_ce"] + log["loss_mse"])


def test_scores_are_compared_as_they_are():
    model = make().eval()
    losses = model(INPUTS, SAMPLES, mode="loss")
    p = F.softmax(model.teachers["teacher"](INPUTS) / 4, 1)
    log_q = F.log_softmax(model.student(INPUTS) / 4, 1)
    torch.testing.assert_close(losses["loss_kd"], 16 * (p * (p.log() - log_q)).sum(1).mean())


def two_parts(student, teacher):
    return {"loss_near": (student - teacher).square().mean(), "loss_far": (student + teacher).square().mean()}


def test_single_parts_of_a_loss_have_weights_of_their_own():
    term = {"type": two_parts, "student": "logits", "teacher": "logits", "weight": 3.0}
    parts = {"far": {"type": "linear_warmup", "value": 2.0, "steps": 4}}
    plain = make(losses={"two": term}).eval()(INPUTS, SAMPLES, mode="loss")
    set_iteration(2)
    losses = make(losses={"two": {**term, "parts": parts}}).eval()(INPUTS, SAMPLES, mode="loss")
    torch.testing.assert_close(losses["loss_two_near"], plain["loss_two_near"])
    torch.testing.assert_close(losses["loss_two_far"], 1.0 * plain["loss_two_far"])
    set_iteration(4)
    losses = make(losses={"two": {**term, "parts": parts}}).eval()(INPUTS, SAMPLES, mode="loss")
    torch.testing.assert_close(losses["loss_two_far"], 2.0 * plain["loss_two_far"])


def test_a_part_that_a_loss_does_not_have_is_named():
    term = {"type": two_parts, "student": "logits", "teacher": "logits", "parts": {"fat": 1.0}}
    with pytest.raises(ConfigError, match="loss 'two' has no part 'fat'; it has near, far"):
        make(losses={"two": term}).eval()(INPUTS, SAMPLES, mode="loss")


@MODELS.register_module(force=True)
class ToyDetector(BaseModel):
    """Two stages, the batch norm of each before its ReLU, whose samples hold boxes."""

    def __init__(self, width=4):
        super().__init__()
        widths = (3, width, 2 * width)
        for level, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            layers = torch.nn.Conv2d(inputs, outputs, 3, 2, 1), torch.nn.BatchNorm2d(outputs), torch.nn.ReLU()
            self.add_module(f"stage{level}", torch.nn.Sequential(*layers))

    def forward(self, inputs, data_samples=None, mode="tensor"):
        maps = self.stage1(self.stage0(inputs))
        return {"loss_box": maps.mean()} if mode == "loss" else maps


def detector(losses, taps, teacher_width=8):
    torch.manual_seed(0)
    teacher = {"model": {"type": "ToyDetector", "width": teacher_width}, "checkpoint": None}
    return Distiller({"type": "ToyDetector"}, {"teacher": teacher}, taps, losses).eval()


def boxes(*counts):
    corners = torch.tensor([[1.0, 1, 9, 9], [4, 2, 15, 8], [0, 0, 5, 15]])
    return [
        BaseDataElement(metainfo={"img_shape": (16, 16)}, gt_instances=InstanceData(bboxes=corners[:count]))
        for count in counts
    ]


def test_fgd_takes_boxes_and_sizes_from_detection_samples():
    term = {"type": "FGDLoss", "student": "maps", "teacher": "maps", "boxes": "gt_instances.bboxes"}
    model = detector({"fgd": {**term, "image_size": "gt.img_shape"}}, {"maps": ["stage0", "stage1"]})
    samples = boxes(3, 0)
    found = model(INPUTS, samples, mode="loss")
    term = model.terms["fgd"]
    expected = dict.fromkeys(("foreground", "background", "attention", "relation"), 0)
    for level in (0, 1):
        maps = [INPUTS, INPUTS]
        for stage in range(level + 1):
            networks = model.student, model.teachers["teacher"].model
            maps = [getattr(network, f"stage{stage}")(each) for network, each in zip(networks, maps, strict=True)]
        corners = [sample.gt_instances.bboxes for sample in samples]
        losses = term.loss[level](term.adapter[level](maps[0]), maps[1], corners, (16, 16))
        expected = {name: value + losses[f"loss_{name}"] for name, value in expected.items()}
    for name, value in expected.items():
        torch.testing.assert_close(found[f"loss_fgd_{name}"], value)


def test_ofd_reads_the_margins_of_a_pyramid_off_its_teacher():
    taps = {"before_relu": ["stage0.1", "stage1.1"]}
    term = {"type": "OFDLoss", "student": "before_relu", "teacher": "before_relu"}
    model = detector({"ofd": {**term, "batch_norm": ["stage0.1", "stage1.1"]}}, taps)
    teacher, margins = model.teachers["teacher"].model, model.terms["ofd"].loss.margins
    for stage, margin in zip((teacher.stage0, teacher.stage1), margins, strict=True):
        torch.testing.assert_close(margin, ofd_margin(stage[1].weight, stage[1].bias))
    loss = model(INPUTS, boxes(1, 1), mode="loss")["loss_ofd"]
    levels = []
    student, inputs = INPUTS, INPUTS
    for level in (0, 1):
        norms = []
        for network, each in ((model.student, student), (teacher, inputs)):
            stage = getattr(network, f"stage{level}")
            norms.append(stage[1](stage[0](each)))
        levels.append(ofd_loss(model.terms["ofd"].adapter[level](norms[0]), norms[1], margins[level]))
        student, inputs = (each.relu() for each in norms)
    torch.testing.assert_close(loss, levels[0] / 2 + levels[1])
    assert "distill.terms.ofd.loss.margin1" in model.state_dict()


def test_ofd_names_what_is_no_batch_norm():
    term = {"type": "OFDLoss", "student": "maps", "teacher": "maps", "batch_norm": "stage1.0"}
    with pytest.raises(ConfigError, match=r"loss 'ofd' .*batch norm with weights at stage1.0 of the teacher"):
        detector({"ofd": term}, {"maps": "stage1"})


def test_maskd_takes_tokens_from_a_file(tmp_path):
    tokens = torch.nn.ModuleList([ReceptiveTokens(8, 2), ReceptiveTokens(16, 2)])
    torch.save(tokens.state_dict(), tmp_path / "tokens.pth")
    term = {"type": "MasKDLoss", "student": "maps", "teacher": "maps", "tokens": str(tmp_path / "tokens.pth")}
    model = detector({"maskd": term}, {"maps": ["stage0", "stage1"]})
    torch.testing.assert_close(model.terms["maskd"].loss.tokens.state_dict(), tokens.state_dict())
    assert model(INPUTS, boxes(1, 1), mode="loss")["loss_maskd"] > 0


def test_fdwa_dkd_weighs_by_tapped_features():
    features = {"student_features": "student.features", "teacher_features": "teacher.features"}
    cfg = {"type": "FDWADKDLoss", "student": "logits", "teacher": "logits", "target": "gt_sem_seg", **features}
    model = make(teacher_width=4, losses={"fdwa": cfg, "kd": KD}).eval()
    found = model(INPUTS, SAMPLES, mode="loss")["loss_fdwa"]
    networks = model.student, model.teachers["teacher"].model
    maps = [network.body(INPUTS) for network in networks]
    target = torch.stack([sample.gt_sem_seg.data[0] for sample in SAMPLES])
    scores = [network.head(each) for network, each in zip(networks, maps, strict=True)]
    torch.testing.assert_close(found, pixel_dkd_loss(*scores, target, feature_distance_weights(*maps)))
