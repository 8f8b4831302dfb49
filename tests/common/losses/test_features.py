"""Losses on feature maps: attention, correlation, margins and likelihood."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from golden_files import golden_cases
from scipy.stats import truncnorm

from common.losses import (
    ATLoss,
    FitNetLoss,
    OFDLoss,
    PKDLoss,
    VIDLoss,
    at_loss,
    fitnet_loss,
    ofd_loss,
    ofd_margin,
    pkd_loss,
)


def maps(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradient(loss, student, *args, **options):
    student = student.clone().requires_grad_()
    loss(student, *args, **options).backward()
    return student.grad


def test_attention_is_the_mean_power_over_channels():
    student = torch.tensor([[[1.0, 2.0], [1.0, 0.0]]])  # two channels: mean fourth powers 1 and 8
    teacher = torch.tensor([[[0.0, 3.0]]])
    expected = (1 / 65 + (8 / 65**0.5 - 1) ** 2) / 2
    assert at_loss(student, teacher, p=4).item() == pytest.approx(expected, rel=1e-5)


def test_attention_takes_odd_powers_of_absolute_values():
    student, teacher = maps(2, 3, 4), maps(2, 5, 4, seed=1)
    torch.testing.assert_close(at_loss(student, teacher, p=3), at_loss(student.abs(), teacher.abs(), p=3))


def test_attention_in_the_paper_s_form_is_the_mean_distance():
    student = torch.tensor([[[1.0, 0.0]], [[0.6**0.5, 0.8**0.5]]], dtype=torch.float64)
    teacher = torch.tensor([[[0.0, 1.0]], [[0.8**0.5, 0.6**0.5]]], dtype=torch.float64)
    # attention (1, 0), (0, 1) and (0.6, 0.8), (0.8, 0.6)
    assert at_loss(student, teacher, form="paper").item() == pytest.approx((2**0.5 + 0.08**0.5) / 2)
    assert at_loss(student, teacher, form="code").item() == pytest.approx((1 + 0.04) / 2)


@pytest.mark.parametrize("form", ["code", "paper"])
def test_attention_of_equal_or_empty_maps_has_a_finite_gradient(form):
    student = maps(2, 3, 4).float()
    student[0] = 0
    assert gradient(at_loss, student, maps(2, 3, 4, seed=1).float(), form=form).isfinite().all()
    assert gradient(at_loss, student, student, form=form).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("student", "teacher", "pools"),
    [
        ((4, 6), (2, 3), (2, 1)),
        ((2, 3), (4, 6), (1, 2)),
        ((4, 3), (2, 3), ((2, 1), 1)),
        ((4, 3), (2, 6), ((2, 1), (1, 2))),
    ],
    ids=["student larger", "teacher larger", "one axis", "each larger along one axis"],
)
def test_attention_pools_to_the_smaller_grid(student, teacher, pools):
    student, teacher = maps(2, 3, *student), maps(2, 4, *teacher, seed=1)
    pooled = [F.avg_pool2d(each, pool) for each, pool in zip((student, teacher), pools, strict=True)]
    torch.testing.assert_close(at_loss(student, teacher), at_loss(*pooled))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_attention_does_not_mind_how_positions_are_arranged(axes):
    student, teacher = maps(2, 3, 8), maps(2, 4, 8, seed=1)
    grid = {1: (8,), 2: (4, 2), 3: (2, 2, 2)}[axes]
    arranged = at_loss(student.view(2, 3, *grid), teacher.view(2, 4, *grid))
    torch.testing.assert_close(arranged, at_loss(student, teacher))


def test_pkd_is_one_minus_the_correlation_of_each_channel():
    student, teacher = maps(2, 3, 4, 5), maps(2, 3, 4, 5, seed=1)
    values = [each.transpose(0, 1).reshape(3, 40).numpy() for each in (student, teacher)]
    correlations = [np.corrcoef(s, t)[0, 1] for s, t in zip(*values, strict=True)]
    expected = 39 / 40 * (1 - np.mean(correlations))
    assert pkd_loss(student, teacher).item() == pytest.approx(expected, rel=1e-5)  # but for eps


def test_pkd_of_a_constant_student_channel_has_a_finite_gradient():
    student = maps(2, 3, 4, 5).float()
    student[:, 1] = 0.5
    grad = gradient(pkd_loss, student, maps(2, 3, 4, 5, seed=1).float())
    assert grad.isfinite().all()
    # at most 1 / eps times the teacher's standardised values over their number
    assert grad.abs().max() < 1e6 * 5 / student.numel()


def test_pkd_counts_a_constant_teacher_channel_as_zero():
    teacher = torch.full((2, 1, 4, 5), 3.0, dtype=torch.float64)
    # the mean square of a student of unbiased variance 1, over 2
    assert pkd_loss(maps(2, 1, 4, 5), teacher).item() == pytest.approx(39 / 40 / 2, rel=1e-5)


def test_pkd_compares_on_the_teacher_s_grid_or_the_student_s():
    student, teacher = maps(2, 3, 4), maps(2, 3, 8, seed=1)
    finer = F.interpolate(student, 8, mode="linear")
    coarser = F.interpolate(teacher, 4, mode="linear")
    torch.testing.assert_close(pkd_loss(student, teacher), pkd_loss(finer, teacher))
    torch.testing.assert_close(pkd_loss(student, teacher, grid="student"), pkd_loss(student, coarser))


def test_pkd_takes_vectors():
    student, teacher = maps(6, 3), maps(6, 3, seed=1)
    torch.testing.assert_close(pkd_loss(student, teacher), pkd_loss(student[..., None], teacher[..., None]))


@pytest.mark.parametrize("case", golden_cases("ofd"), ids=lambda case: case.name)
def test_margin_agrees_with_the_authors_code(case):
    margin = ofd_margin(case["bn_weight"], case["bn_bias"])
    np.testing.assert_allclose(margin.numpy(), case.arrays["out.margin"], rtol=1e-6)  # theirs is in float32


def test_margin_is_the_mean_of_the_negative_part_of_a_normal_distribution():
    weight, bias = torch.tensor([0.5, -2.0, 1.3]).double(), torch.tensor([0.7, 1.0, -4.0]).double()
    deviation = weight.abs()
    expected = truncnorm.mean(-np.inf, -bias / deviation, loc=bias, scale=deviation)
    np.testing.assert_allclose(ofd_margin(weight, bias).numpy(), expected, rtol=1e-9)


def test_margin_of_a_channel_that_is_hardly_ever_negative_is_three_deviations():
    # 3.09 deviations above 0 leave 0.001 of the responses negative
    margin = ofd_margin(torch.tensor([2.0, 2.0]).double(), torch.tensor([6.1, 6.3]).double())
    assert margin[0] > -2
    assert margin[1] == -6


def test_margin_of_a_channel_without_spread_is_its_negative_value():
    margin = ofd_margin(torch.zeros(3), torch.tensor([-2.0, 0.0, 5.0]))
    assert margin.tolist() == [-2.0, 0.0, 0.0]


def test_margin_needs_weight_and_bias_of_the_same_channels():
    with pytest.raises(ValueError, match=r"expected bn_bias of shape \(C\) = \(3\) but found \(2,\)"):
        ofd_margin(torch.ones(3), torch.ones(2))


def test_ofd_asks_for_no_more_where_the_student_is_below_a_teacher_that_is_not_positive():
    #                         both positive, above, below a negative one, above the margin, below the margin
    student = torch.tensor([[[1.0, 3.0, -0.9, 0.5, -1.5]]], dtype=torch.float64)
    teacher = torch.tensor([[[2.0, 2.0, -0.5, -9.0, -9.0]]], dtype=torch.float64)
    margin = torch.tensor([-1.0], dtype=torch.float64)
    assert ofd_loss(student, teacher, margin).item() == pytest.approx(1 + 1 + 0 + 1.5**2 + 0)
    expected = [[[-2.0, 2.0, 0.0, 3.0, 0.0]]]
    assert gradient(ofd_loss, student, teacher, margin).tolist() == expected


def test_ofd_weighs_the_last_level_with_1_and_each_before_it_with_half():
    students = [maps(2, width, 4) for width in (3, 2, 5)]
    teachers = [maps(2, width, 4, seed=1) for width in (3, 2, 5)]
    margins = [maps(width, seed=2) for width in (3, 2, 5)]
    each = [ofd_loss(*level) for level in zip(students, teachers, margins, strict=True)]
    torch.testing.assert_close(OFDLoss(margins)(students, teachers), each[0] / 4 + each[1] / 2 + each[2])
    torch.testing.assert_close(OFDLoss(margins[0].tolist()).double()(students[0], teachers[0]), each[0])


def test_ofd_reads_its_margins_off_the_teacher_s_batch_norms():
    norms = [torch.nn.BatchNorm2d(width) for width in (3, 2)]
    for norm in norms:
        torch.nn.init.normal_(norm.weight)
    loss = OFDLoss(batch_norm=["layer1.bn", "layer2.bn"])
    with pytest.raises(RuntimeError, match="OFDLoss has no margins yet: give margin="):
        loss(maps(2, 3, 4), maps(2, 3, 4))
    assert loss.teacher_paths == ["layer1.bn", "layer2.bn"]
    loss.read_teacher(norms)
    for margin, norm in zip(loss.margins, norms, strict=True):
        torch.testing.assert_close(margin, ofd_margin(norm.weight, norm.bias))
    with pytest.raises(ValueError, match=r"batch norm with weights at layer1.bn of the teacher but found Conv2d"):
        loss.read_teacher([torch.nn.Conv2d(3, 3, 1), norms[1]])


def test_ofd_stores_its_margins_and_trains_nothing():
    loss = OFDLoss(margin=torch.tensor([-1.0, -2.0], requires_grad=True))
    assert loss.state_dict()["margin0"].tolist() == [-1.0, -2.0]
    assert not list(loss.parameters())


def test_ofd_declares_how_it_is_wired():
    assert (OFDLoss.adapter, OFDLoss.resize, OFDLoss.levels) == ("conv1x1_bn", True, "all")
    assert (ofd_loss.adapter, ofd_loss.resize, ofd_loss.levels) == ("conv1x1_bn", True, "each")


@pytest.mark.parametrize("given", [{}, {"margin": [-1.0], "batch_norm": "bn"}], ids=["nothing", "both"])
def test_ofd_wants_either_margins_or_batch_norms(given):
    with pytest.raises(ValueError, match="either margin= or batch_norm="):
        OFDLoss(**given)


def test_ofd_wants_a_margin_for_each_level():
    with pytest.raises(ValueError, match="expected 1 levels, one for each margin, but found 2 of the student and 1"):
        OFDLoss([-1.0])([maps(2, 1, 4)] * 2, maps(2, 1, 4))


def test_vid_is_the_likelihood_of_a_normal_distribution():
    teacher = maps(2, 3, 4, 5)
    loss = VIDLoss(2, 3, init_variance=0.7).double()
    with torch.no_grad():
        loss.log_scale += torch.tensor([0.0, 1.0, -2.0])
        mean = loss.regressor(maps(2, 2, 4, 5, seed=1))
    variance = F.softplus(loss.log_scale.detach()) + 1e-5
    likelihood = torch.distributions.Normal(mean, variance.sqrt().view(3, 1, 1)).log_prob(teacher)
    expected = -likelihood.mean() - np.log(2 * np.pi) / 2  # the constant is left out
    torch.testing.assert_close(loss(maps(2, 2, 4, 5, seed=1), teacher).detach(), expected)


@pytest.mark.parametrize("variance", [0.01, 5.0, 100.0])
def test_vid_starts_with_the_variance_asked_for(variance):
    loss = VIDLoss(2, 3, init_variance=variance)
    torch.testing.assert_close(F.softplus(loss.log_scale) + loss.eps, torch.full((3,), variance))


def test_vid_learns_its_variances():
    loss = VIDLoss(2, 3).double()
    loss(maps(1, 2, 4, 4) * 0, maps(1, 3, 4, 4) * 0).backward()
    # the mean over 3 channels of half the logarithm of softplus: its slope is 1 - exp(-softplus)
    expected = torch.full((3,), (1 - np.exp(-5)) / 5 / 2 / 3, dtype=torch.float64)
    torch.testing.assert_close(loss.log_scale.grad, expected, rtol=1e-5, atol=0)


def test_vid_makes_its_layers_from_the_shapes_of_the_maps():
    loss = VIDLoss()
    loss.build(student=torch.Size((2, 5, 8, 8)), teacher=torch.Size((2, 7, 4, 4)))
    shapes = {name: tuple(value.shape) for name, value in loss.state_dict().items()}
    assert shapes == {
        "log_scale": (7,),
        "regressor.0.weight": (7, 5, 1, 1),
        "regressor.2.weight": (7, 7, 1, 1),
        "regressor.4.weight": (7, 7, 1, 1),
    }


def test_vid_keeps_the_hidden_width_that_was_given():
    loss = VIDLoss(hidden=9)
    loss.build(student=torch.Size((2, 5, 8, 8)), teacher=torch.Size((2, 7, 4, 4)))
    assert [layer.out_channels for layer in loss.regressor[::2]] == [9, 9, 7]


def test_vid_without_layers_says_what_to_give():
    with pytest.raises(RuntimeError, match=r"VIDLoss has no layers yet: give student_channels=, teacher_channels="):
        VIDLoss()(maps(1, 2, 4, 4), maps(1, 3, 4, 4))


def test_vid_refuses_a_variance_that_eps_exceeds():
    with pytest.raises(ValueError, match="init_variance above eps = 1e-05 but found 0"):
        VIDLoss(2, 3, init_variance=0)


@pytest.mark.parametrize(
    ("module", "function", "options"),
    [
        (FitNetLoss, fitnet_loss, {}),
        (ATLoss, at_loss, {"p": 4, "form": "paper"}),
        (PKDLoss, pkd_loss, {"grid": "student", "eps": 0.1}),
    ],
)
def test_modules_keep_the_options(module, function, options):
    pair = maps(2, 3, 4, 5), maps(2, 3, 4, 5, seed=1)
    assert module(**options)(*pair) == function(*pair, **options)
