"""CrossKD by hand, and bound to a teacher's head by a distiller."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from toy_distillers import make, step

from common.errors import ConfigError
from common.losses import CrossKDLoss
from common.losses.cross_head import align_statistics


def doubling(*factors):
    """1x1 convolutions of one channel that multiply."""
    layers = [nn.Conv2d(1, 1, 1, bias=False) for _ in factors]
    for layer, factor in zip(layers, factors, strict=True):
        nn.init.constant_(layer.weight, factor)
        layer.requires_grad_(False)
    return layers


def one(*values):
    """A map of one image and channel, in a row."""
    return torch.tensor(values).view(1, 1, 1, -1)


def test_scores_by_hand():
    # Behind 2 * 3 the student's features are 0 and 6 where the teacher has the logits log 3 (0.75) and -6.
    loss = CrossKDLoss(doubling(2.0, 3.0), align=False)
    value = loss(one(0.0, 1.0), one(9.0, 9.0), one(math.log(3.0), -6.0))
    high, low = 1 / (1 + math.exp(-6)), 1 / (1 + math.exp(6))
    entropies = math.log(2), -(low * math.log(high) + high * math.log(low))
    assert value.item() == pytest.approx((0.25 * entropies[0] + (high - low) * entropies[1]) / 2, rel=1e-5)


def test_scores_are_divided_by_the_confidence_of_the_teacher_but_not_by_less_than_one():
    loss, maps = CrossKDLoss(doubling(1.0), align=False), (one(0.0, 1.0), one(0.0, 0.0), one(1.0, 0.0))
    of_positions = loss(*maps)
    sure = torch.tensor([[3.0, 0.0], [9.0, 9.0]]).log()[None, :, None]  # the best of two classes: 0.9 at both
    assert loss(*maps, sure) == pytest.approx(of_positions.item() * 2 / 1.8)
    assert loss(*maps, torch.full((1, 2, 1, 2), -9.0)) == pytest.approx(of_positions.item() * 2)


def test_bins_are_weighted_by_the_confidence():
    loss = CrossKDLoss([nn.Identity()], kind="bins", align=False)
    student, teacher = torch.zeros(1, 8, 1, 2), torch.zeros(1, 8, 1, 2)
    teacher[0, 0, 0, 0] = math.log(3.0)  # the first side of the first position: 0.75 and 0.25 against 0.5 and 0.5
    student[0, 7, 0, 1] = 5.0  # of the second, which the teacher is unsure of, the last
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    confidence = torch.tensor([80.0, -80.0]).view(1, 1, 1, 2)
    assert loss(student, teacher, teacher, confidence).item() == pytest.approx(divergence / 4, rel=1e-5)
    uniform = F.kl_div(F.log_softmax(student[0, 6:, 0, 1], 0), torch.tensor([0.5, 0.5]), reduction="sum")
    assert loss(student, teacher, teacher).item() == pytest.approx((divergence + uniform.item()) / 8, rel=1e-5)


def test_gradient_goes_through_the_teachers_layers_into_the_student_and_leaves_them_alone():
    layers = doubling(2.0, 3.0)
    before = [layer.weight.clone() for layer in layers]
    features = one(0.0, 1.0).requires_grad_()
    loss = CrossKDLoss(layers, align=False)
    loss(features, one(0.0, 0.0), one(math.log(3.0), 0.0)).backward()
    s = torch.zeros(1, requires_grad=True)
    (slope,) = torch.autograd.grad((0.75 - s.sigmoid()) * -(0.75 * F.logsigmoid(s) + 0.25 * F.logsigmoid(-s)), s)
    assert features.grad[0, 0, 0, 0].item() == pytest.approx(6 * slope.item() / 2)
    assert all(layer.weight.grad is None for layer in layers)
    assert all(torch.equal(layer.weight, old) for layer, old in zip(layers, before, strict=True))


def test_features_are_brought_to_the_teachers_mean_and_deviation():
    found = align_statistics(one(1.0, 3.0), one(10.0, 30.0))
    torch.testing.assert_close(found, one(10.0, 30.0))
    loss = CrossKDLoss([nn.Identity()])
    assert loss(one(1.0, 3.0), one(0.5, 2.5), one(0.5, 2.5)) == pytest.approx(0, abs=1e-6)
    assert loss(one(1.0, 3.0), one(-1.0, 1.0), one(0.0, 1.0)) == pytest.approx(0, abs=1e-6)  # behind the ReLU


def test_a_channel_that_does_not_vary_gets_no_gradient():
    features = one(2.0, 2.0).requires_grad_()
    found = align_statistics(features, one(1.0, 5.0))
    found.sum().backward()
    assert found.flatten().tolist() == [3.0, 3.0]
    assert features.grad.abs().max() == 0


def test_a_layer_may_differ_by_level():
    loss = CrossKDLoss([doubling(1.0, 2.0)], align=False)
    maps = [one(1.0), one(2.0)]
    assert loss(maps, maps, [one(1.0), one(4.0)]) == 0
    with pytest.raises(ValueError, match="layers of as many levels as there are maps but found 2"):
        loss([*maps, one(1.0)], [*maps, one(1.0)], [*maps, one(1.0)])


def test_the_teachers_layers_are_neither_parameters_nor_state_nor_copied():
    layers = doubling(2.0)
    loss = CrossKDLoss(layers)
    assert list(loss.parameters()) == []
    assert loss.state_dict() == {}
    assert copy.deepcopy(loss)._rest.layers[0] is layers[0]


def test_a_half_precision_teacher_is_asked_in_its_own():
    loss = CrossKDLoss([layer.bfloat16() for layer in doubling(2.0)], align=False)
    assert loss(one(1.0), one(1.0), one(2.0)).dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rest": "head"}, "expected rest to be a list of layers .* 'head'"),
        ({"rest": []}, "expected rest to be a list of layers"),
        ({"rest": ["head"], "kind": "boxes"}, "expected kind to be one of .* 'boxes'"),
        ({"rest": [nn.Conv2d(1, 1, 1)]}, "expected frozen layers of a teacher but found weights that learn"),
    ],
)
def test_what_cannot_be_a_head_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CrossKDLoss(**options)


def test_it_says_what_it_lacks_before_it_was_shown_the_teacher():
    with pytest.raises(RuntimeError, match=r"no layers yet: give modules as rest= or call read_teacher"):
        CrossKDLoss(["head"])(one(1.0), one(1.0), one(1.0))


CROSS = {"type": "CrossKDLoss", "student": "features", "teacher": "features", "prediction": "teacher.logits"}


def distiller(**options):
    return make(losses={"cross": {**CROSS, "rest": ["head"], "confidence": "teacher.logits"}}, **options)


def test_distiller_binds_it_to_the_teachers_head_by_paths():
    model = distiller()
    loss = model.terms["cross"].loss
    assert loss._rest.layers == [model.teachers["teacher"].model.head]
    assert not [key for key in model.state_dict() if "cross" in key and "adapter" not in key]


def test_a_step_moves_the_student_and_leaves_the_teacher_bit_identical():
    model = distiller()
    before, fingerprint = model.student.body[0].weight.clone(), model.teachers["teacher"].fingerprint()
    model.student.head.requires_grad_(False).zero_grad()
    model.student.head.weight.data.zero_()  # the task's own gradient ends here
    logged = step(model)
    assert logged["loss_cross"] > 0
    assert not torch.equal(model.student.body[0].weight, before)
    assert model.teachers["teacher"].fingerprint() == fingerprint


def test_a_student_that_is_its_teacher_is_at_the_minimum():
    model = distiller(teacher_width=4).eval()
    model.student.load_state_dict(model.teachers["teacher"].model.state_dict())
    assert step(model, lr=0.0)["loss_cross"].item() == pytest.approx(0, abs=1e-6)


def test_unknown_path_in_the_teacher_is_named():
    with pytest.raises(ConfigError, match=r"no module at tap path 'heads' .*'head'"):
        make(losses={"cross": {**CROSS, "rest": ["heads"]}})
