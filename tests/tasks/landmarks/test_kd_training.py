"""Steps of the distiller with KD-Loss: what is logged, and the arms that a config chooses."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement
from torch import nn
from toys import set_iteration

import tasks.landmarks.losses  # noqa: F401  registers them
from common.distiller import Distiller
from common.errors import ConfigError
from tasks.landmarks.losses import assistive_loss, assistive_regions, kd_landmark_loss

KD = {
    "type": "KDLandmarkLoss",
    "student": "points",
    "tough": "points",
    "tolerant": "points",
    "target": "gt_points",
}
SHARES = {f"kd_{teacher}_{region}" for teacher in ("tough", "tolerant") for region in ("positive", "negative", "low")}


@MODELS.register_module(force=True)
class ToyRegressor(BaseModel):
    """Three points from what is left of an image in 2 x 2 pixels; its own loss is the squared error."""

    def __init__(self, seed=0):
        super().__init__()
        self.points = nn.Linear(12, 6)
        generator = torch.Generator().manual_seed(seed)
        nn.init.normal_(self.points.weight, std=0.1, generator=generator)
        nn.init.zeros_(self.points.bias)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        points = self.points(F.adaptive_avg_pool2d(inputs, 2).flatten(1))
        if mode != "loss":
            return points
        return {"loss_l2": (points - torch.stack([sample.gt_points for sample in data_samples])).square().mean()}


GENERATOR = torch.Generator().manual_seed(7)
INPUTS = torch.randn(8, 3, 2, 2, generator=GENERATOR)
SAMPLES = [BaseDataElement(gt_points=points) for points in 0.3 * torch.randn(8, 6, generator=GENERATOR)]
TARGET = torch.stack([sample.gt_points for sample in SAMPLES])


@pytest.fixture(autouse=True)
def _no_run_before():
    MessageHub.get_instance(f"test_kd_training_{id(object())}")
    set_iteration(0)


def make(names=("tough", "tolerant"), **kd):
    return Distiller(
        student={"type": "ToyRegressor", "seed": 0},
        teachers={
            name: {"model": {"type": "ToyRegressor", "seed": 1 + place}, "checkpoint": None}
            for place, name in enumerate(names)
        },
        taps={"points": "points"},
        losses={"kd": {**KD, **kd}},
    )


def step(model):
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
    return model.train_step({"inputs": INPUTS, "data_samples": SAMPLES}, optimizer)


def outputs(model):
    with torch.no_grad():
        networks = [model.student, *(teacher.model for teacher in model.teachers.values())]
        return [network(INPUTS) for network in networks]


def test_a_step_logs_the_parts_and_how_often_each_teacher_helps():
    model = make()
    student, tough, tolerant = outputs(model)
    log = step(model)
    assert log.keys() == {"loss", "loss_l2", "loss_kd", "kd_main", "kd_tough", "kd_tolerant", *SHARES}
    torch.testing.assert_close(log["loss"], log["loss_l2"] + log["loss_kd"])
    torch.testing.assert_close(log["loss_kd"], kd_landmark_loss(student, tough, tolerant, TARGET))
    torch.testing.assert_close(log["loss_kd"], log["kd_main"] + log["kd_tough"] + log["kd_tolerant"])
    torch.testing.assert_close(log["kd_tough"], assistive_loss(student, tough, TARGET, 1.9, 0.45, 0.15))
    for name, teacher in {"tough": tough, "tolerant": tolerant}.items():
        regions = assistive_regions(student, teacher, TARGET, 0.15)
        found = [log[f"kd_{name}_{region}"] for region in ("positive", "negative", "low")]
        torch.testing.assert_close(found, [region.float().mean() for region in regions])
        assert all(0 < share < 1 for share in found)


def test_the_weight_of_the_term_scales_the_loss_and_nothing_else_that_is_logged():
    plain, heavy = (step(make(weight=weight)) for weight in (1.0, 5.0))
    torch.testing.assert_close(heavy["loss_kd"], 5 * plain["loss_kd"])
    for key in plain.keys() - {"loss", "loss_kd"}:
        assert heavy[key] == plain[key], key


def test_the_weight_of_a_teacher_scales_its_part_and_not_its_regions():
    plain, light = step(make()), step(make(tolerant_weight=0.5))
    torch.testing.assert_close(light["kd_tolerant"], plain["kd_tolerant"] / 2)
    for key in SHARES:
        assert light[key] == plain[key], key


def test_arms_are_a_matter_of_the_config():
    student, tough, tolerant = outputs(make())
    arms = {
        "both": ({}, (tough, tolerant)),
        "tough": ({"tolerant": None}, (tough, None)),
        "tolerant": ({"tough": None}, (None, tolerant)),
    }
    for arm, (changed, teachers) in arms.items():
        log = step(make(**changed))
        torch.testing.assert_close(log["loss_kd"], kd_landmark_loss(student, *teachers, TARGET), msg=arm)
        given = {name for name in ("tough", "tolerant") if f"kd_{name}" in log}
        assert given == ({"tough", "tolerant"} if arm == "both" else {arm})
    log = step(make(tough=None, tolerant=None, threshold=0.1))
    assert log.keys() == {"loss", "loss_l2", "loss_kd", "kd_main"}
    as_function = {"type": "kd_landmark_loss", "tolerant": None}
    assert step(make(**as_function))["loss_kd"] == step(make(tolerant=None))["loss_kd"]


def test_each_teacher_can_be_a_term_of_its_own():
    of_tough = {"type": "assistive_loss", "student": "points", "teacher": "tough.points", "target": "gt_points"}
    model = make()
    student, tough, _ = outputs(model)
    alone = Distiller(
        student={"type": "ToyRegressor", "seed": 0},
        teachers={"tough": {"model": {"type": "ToyRegressor", "seed": 1}, "checkpoint": None}},
        taps={"points": "points"},
        losses={"tough": {**of_tough, "positive": 1.9, "negative": 0.45, "ratio": 0.15}},
    )
    torch.testing.assert_close(step(alone)["loss_tough"], assistive_loss(student, tough, TARGET, 1.9, 0.45, 0.15))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ratio": 2}, "loss 'kd' .*expected ratio to be within 0..1 but found 2"),
        ({"tough_positiv": 1.0}, "unknown key 'tough_positiv'; did you mean 'tough_positive'"),
        ({"target": None}, "loss 'kd' .*expected target points"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_before_training(changed, message):
    with pytest.raises(ConfigError, match=message):
        make(**changed)
