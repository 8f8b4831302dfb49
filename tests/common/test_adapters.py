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
        ("conv", (2, 8), (2, 8), "'kd': expected adapter None, auto, conv1x1, linear but found 'conv'; did you mean"),
        ("auto", (2, 8), (2, 8, 4, 4), r"one number of dimensions .* \(2, 8\) and \(2, 8, 4, 4\)"),
        ("auto", (8,), (8,), r"\(2, 3 or 4\)"),
        ("auto", (2, 8, 50), (2, 16, 60), r"cannot tell channels .*adapter='conv1x1' .* or adapter='linear'"),
        ("conv1x1", (2, 8), (2, 16), r"3-D or 4-D tensors but found \(2, 8\)"),
    ],
)
def test_what_cannot_be_adapted_says_why(kind, student, teacher, message):
    with pytest.raises(ConfigError, match=message):
        build_adapter(kind, Size(student), Size(teacher), "kd")


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
