"""Connectors follow from the shapes of student and teacher."""

import pytest
import torch
import torch.nn.functional as F
from torch import Size, nn

from common.adapters import build_adapter, describe_adapter, resize_to_student
from common.errors import ConfigError


@pytest.mark.parametrize(
    ("student", "teacher", "expected"),
    [
        ((2, 8), (2, 8), "-"),
        ((2, 8), (2, 16), "linear 8->16"),
        ((2, 8, 5, 5), (2, 8, 5, 5), "-"),
        ((2, 8, 5, 5), (2, 8, 9, 9), "-"),  # the teacher is resized
        ((2, 8, 5, 5), (2, 16, 9, 9), "conv1x1 8->16"),
        ((2, 8, 50), (2, 16, 50), "conv1x1 8->16"),  # (B, C, L)
        ((2, 50, 8), (2, 50, 16), "linear 8->16"),  # (B, N, C)
        ((2, 50, 8), (2, 50, 8), "-"),
    ],
)
def test_auto_follows_from_the_shapes(student, teacher, expected):
    adapter = build_adapter("auto", Size(student), Size(teacher))
    assert describe_adapter(adapter) == expected
    assert adapter(torch.zeros(student)).dim() == len(student)


@pytest.mark.parametrize(
    ("kind", "student", "teacher", "shape"),
    [
        ("conv1x1", (2, 8, 5, 5), (2, 8, 5, 5), (2, 8, 5, 5)),
        ("conv1x1", (2, 8, 50), (2, 16, 60), (2, 16, 50)),
        ("linear", (2, 50, 8), (2, 60, 16), (2, 50, 16)),
        ("linear", (2, 7, 7, 8), (2, 7, 7, 16), (2, 7, 7, 16)),
        ("conv1x1_bn", (2, 8, 5, 6), (2, 8, 5, 6), (2, 8, 5, 6)),
        ("conv1x1_bn", (2, 8, 50), (2, 16, 60), (2, 16, 50)),
        ("regressor", (2, 8, 10, 6), (2, 16, 5, 3), (2, 16, 5, 3)),
        ("regressor", (2, 8, 5, 3), (2, 16, 10, 6), (2, 16, 10, 6)),
        ("regressor", (2, 8, 7, 6), (2, 16, 5, 6), (2, 16, 5, 6)),
        ("regressor", (2, 8, 10, 6), (2, 16, 5, 6), (2, 16, 5, 6)),  # one axis is halved: no stride
        ("regressor", (2, 8, 50), (2, 16, 100), (2, 16, 100)),
        ("regressor_no_relu", (2, 8, 10, 6), (2, 16, 5, 3), (2, 16, 5, 3)),
    ],
)
def test_named_kind_maps_its_channels_even_where_auto_would_not(kind, student, teacher, shape):
    adapter = build_adapter(kind, Size(student), Size(teacher))
    assert not isinstance(adapter, nn.Identity)
    assert adapter(torch.zeros(student)).shape == shape


def test_none_never_adapts():
    assert isinstance(build_adapter(None, Size((2, 8)), Size((2, 9, 9))), nn.Identity)


@pytest.mark.parametrize(
    ("kind", "student", "teacher", "message"),
    [
        (
            "conv",
            (2, 8),
            (2, 8),
            "'kd': expected adapter None, auto, conv1x1, conv1x1_bn, linear, regressor, regressor_no_relu but found "
            "'conv'; did you mean",
        ),
        ("auto", (2, 8), (2, 8, 4, 4), r"one number of dimensions .* \(2, 8\) and \(2, 8, 4, 4\)"),
        ("auto", (8,), (8,), r"\(2, 3 or 4\)"),
        ("auto", (2, 8, 50), (2, 16, 60), r"cannot tell channels .*adapter='conv1x1' .* or adapter='linear'"),
        ("conv1x1", (2, 8), (2, 16), r"'conv1x1' wants 3-D or 4-D tensors but found \(2, 8\)"),
        ("regressor", (2, 8), (2, 16), r"'regressor' wants 3-D or 4-D tensors but found \(2, 8\)"),
        ("regressor", (2, 8, 4, 4), (2, 8, 6, 6), r"at least as large .* \(2, 8, 4, 4\) and .*adapter='conv1x1'"),
        ("regressor", (2, 8, 4, 4), (2, 8, 8, 4), r"at least as large .* or half as large"),
    ],
)
def test_what_cannot_be_adapted_says_why(kind, student, teacher, message):
    with pytest.raises(ConfigError, match=message):
        build_adapter(kind, Size(student), Size(teacher), "kd")


@pytest.mark.parametrize(
    ("kind", "student", "teacher", "expected"),
    [
        ("conv1x1_bn", (2, 8, 5, 5), (2, 16, 5, 5), "conv1x1+bn 8->16"),
        ("regressor", (2, 8, 8, 8), (2, 16, 4, 4), "conv3x3/2+bn+relu 8->16"),
        ("regressor", (2, 8, 4, 4), (2, 16, 8, 8), "deconv4x4/2+bn+relu 8->16"),
        ("regressor_no_relu", (2, 8, 7, 6), (2, 16, 5, 6), "conv3x1+bn 8->16"),
        ("regressor", (2, 8, 5, 5), (2, 16, 5, 5), "conv1x1+bn+relu 8->16"),
    ],
)
def test_layers_of_an_adapter_are_described_in_a_word(kind, student, teacher, expected):
    assert describe_adapter(build_adapter(kind, Size(student), Size(teacher))) == expected


def test_projection_before_batch_norm_has_no_bias_and_starts_as_ofd_s_authors_do():
    torch.manual_seed(0)
    projection, norm = build_adapter("conv1x1_bn", Size((2, 300, 5, 5)), Size((2, 200, 5, 5)))
    assert projection.bias is None
    assert projection.weight.std().item() == pytest.approx((2 / 200) ** 0.5, rel=0.02)
    assert isinstance(norm, nn.BatchNorm2d)


@pytest.mark.parametrize(("kind", "negative"), [("regressor", False), ("regressor_no_relu", True)])
def test_regressor_may_leave_out_its_relu(kind, negative):
    adapter = build_adapter(kind, Size((2, 8, 8, 8)), Size((2, 16, 4, 4)))
    # batch norm centres each channel, so that without ReLU some values are negative
    assert bool((adapter(torch.randn(2, 8, 8, 8)) < 0).any()) == negative


def test_pyramid_of_adapters_is_described_level_by_level():
    levels = nn.ModuleList([nn.Conv2d(4, 8, 1), nn.Identity()])
    assert describe_adapter(levels) == "conv1x1 4->8, -"


def test_teacher_map_is_resized_bilinearly_without_aligned_corners():
    teacher = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    resized = resize_to_student(teacher, torch.zeros(1, 5, 1, 4))
    # centres of 4 columns lie at -0.25, 0.25, 0.75, 1.25 of the 2 columns (clamped); the one row is their mean
    torch.testing.assert_close(resized, torch.tensor([[[[1.0, 1.25, 1.75, 2.0]]]]))


def test_teacher_sequence_is_resized_linearly_where_channels_agree():
    teacher = torch.arange(4.0).expand(2, 3, 4)
    expected = F.interpolate(teacher, size=8, mode="linear")
    torch.testing.assert_close(resize_to_student(teacher, torch.zeros(2, 3, 8)), expected)


@pytest.mark.parametrize(
    ("teacher", "student"), [((2, 8, 4, 4), (2, 4, 4, 4)), ((2, 9), (2, 5)), ((2, 50, 16), (2, 60, 8))]
)
def test_anything_else_passes_unchanged(teacher, student):
    teacher = torch.randn(teacher)
    assert resize_to_student(teacher, torch.zeros(student)) is teacher
