"""A distillation loss that knows the SNR."""

import math

import pytest
import torch
import torch.nn.functional as F

from common.losses import kd_loss
from common.registry import find_loss
from tasks.amr.losses import snr_weighted_kd_loss, snr_weights, weights_warnings


def logits(count=6, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, count, classes, generator=generator, dtype=torch.float64)


def test_weights_rise_from_the_least_to_one():
    snr = torch.tensor([-20.0, -14.0, -11.2, -7.0, 0.0, 18.0])
    torch.testing.assert_close(snr_weights(snr), torch.tensor([0.2, 0.2, 0.2, 0.5, 1.0, 1.0]))
    torch.testing.assert_close(snr_weights(snr, low=-20, full=20, least=0.0)[:2], torch.tensor([0.0, 0.15]))


def test_loss_is_the_weighted_mean_of_each_frames_divergence():
    student, teacher = logits()
    snr = torch.tensor([-20.0, -14.0, -7.0, -3.5, 0.0, 18.0], dtype=torch.float64)
    expected = 0.0
    for frame, weight in enumerate((0.2, 0.2, 0.5, 0.75, 1.0, 1.0)):
        p, q = F.softmax(teacher[frame] / 3, 0).tolist(), F.softmax(student[frame] / 3, 0).tolist()
        expected += weight * sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) * 9 / 6
    found = snr_weighted_kd_loss(student, teacher, snr, temperature=3.0)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_loss_is_kd_where_every_frame_is_strong():
    student, teacher = logits()
    found = snr_weighted_kd_loss(student, teacher, torch.full((6,), 5.0), temperature=2.0)
    torch.testing.assert_close(found, kd_loss(student, teacher, temperature=2.0))


def test_gradient_is_the_derivative_and_stays_off_the_teacher():
    student, teacher = (each.clone().requires_grad_() for each in logits())
    snr = torch.linspace(-20, 18, 6, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda s: snr_weighted_kd_loss(s, teacher.detach(), snr), student)
    snr_weighted_kd_loss(student, teacher, snr).backward()
    assert teacher.grad is None


def test_nothing_is_lost_in_half_precision_or_at_large_gaps():
    student, teacher = logits().half()
    assert snr_weighted_kd_loss(student, teacher, torch.zeros(6).half()).dtype == torch.float32
    apart = torch.tensor([[120.0, 0.0]]), torch.tensor([[0.0, 120.0]])
    assert snr_weighted_kd_loss(*apart, torch.zeros(1), temperature=1.0).item() == pytest.approx(120.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"snr": torch.zeros(5)}, r"an SNR for each of 6 frames but found shape \(5,\)"),
        ({"snr": torch.zeros(6, 1)}, r"found shape \(6, 1\)"),
        ({"low": 0.0}, "low < full and least in 0..1 but found low 0.0, full 0.0"),
        ({"least": 1.5}, "found .*least 1.5"),
        ({"temperature": 0.0}, "temperature"),
        ({"teacher": torch.zeros(6, 3)}, "teacher logits"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    student, teacher = logits()
    with pytest.raises(ValueError, match=message):
        snr_weighted_kd_loss(**{"student": student, "teacher": teacher, "snr": torch.zeros(6), **options})


@pytest.mark.parametrize(
    ("options", "snrs", "is_warned"),
    [
        ({}, (0, 10, 20), True),
        ({}, (-2, 10), False),
        ({}, (-20, -14), True),
        ({}, (-20, -16, -12), True),
        ({"least": 0.0}, (-20, -16, -12), False),
        ({"low": 0.0, "full": 10.0}, (0, 10, 20), False),
        ({"full": 10.0}, (10, 12), True),
        ({"type": "kd_loss"}, (0, 10, 20), False),
    ],
)
def test_weights_that_are_alike_for_all_frames_are_told(options, snrs, is_warned):
    found = weights_warnings({"soft": {"type": "snr_weighted_kd_loss", **options}}, snrs)
    assert bool(found) is is_warned
    if found:
        assert f"loss 'soft' weighs all frames alike: labels are {snrs[0]} to {snrs[-1]} dB" in found[0]
        weights = snr_weights(torch.tensor(snrs), **options)
        assert weights.unique().numel() == 1


def test_configs_know_it_by_name():
    assert find_loss("snr_weighted_kd_loss") is snr_weighted_kd_loss
    assert snr_weighted_kd_loss.adapter is None  # scores mean the same classes on both sides
