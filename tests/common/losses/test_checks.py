"""What losses check about their inputs."""

import pytest
import torch

from common.losses.checks import (
    check_labels,
    check_normalised,
    check_shape,
    check_temperature,
    drop_channel_axis,
)


def test_a_shape_gives_the_size_of_each_axis():
    assert check_shape("map", torch.zeros(2, 3, 4, 5), "B C H W") == {"B": 2, "C": 3, "H": 4, "W": 5}
    assert check_shape("map", torch.zeros(2, 3, 4), "B C *") == {"B": 2, "C": 3, "*0": 4}
    assert check_shape("map", torch.zeros(2, 3), "B C *") == {"B": 2, "C": 3}


def test_only_named_sizes_must_be_met():
    assert check_shape("map", torch.zeros(2, 3), "B C", {"B": 2, "D": 9}) == {"B": 2, "C": 3}


@pytest.mark.parametrize(
    ("shape", "axes", "sizes", "message"),
    [
        ((2, 3), "B C H", None, r"expected map of shape \(B, C, H\) but found \(2, 3\)"),
        ((2,), "B C *", None, r"expected map of shape \(B, C, \*\) but found \(2,\)"),
        ((2, 0), "B C", None, r"expected map of shape \(B, C\) with no empty axis but found \(2, 0\)"),
        ((2, 3), "B C", {"C": 4}, r"expected map of shape \(B, C\) = \(2, 4\) but found \(2, 3\)"),
        ((2, 3, 5), "B C *", {"*0": 4}, r"expected map of shape \(B, C, \*\) = \(2, 3, 4\) but found \(2, 3, 5\)"),
        ((2, 3), "B C *", {"*0": 4}, r"expected map of shape \(B, C, \*\) = \(2, 3, 4\) but found \(2, 3\)"),
        ((2, 3, 4), "B C *", {"B": 2, "C": 3, "*0": 4, "*1": 4}, r"= \(2, 3, 4, 4\) but found \(2, 3, 4\)"),
    ],
)
def test_another_shape_is_refused_with_both(shape, axes, sizes, message):
    with pytest.raises(ValueError, match=message):
        check_shape("map", torch.zeros(shape), axes, sizes)


def test_maps_are_of_floating_point():
    with pytest.raises(ValueError, match=r"expected floating-point map but found torch\.int64"):
        check_shape("map", torch.zeros(2, 3).long(), "B C")


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_a_temperature_is_above_0(temperature):
    with pytest.raises(ValueError, match=f"expected a temperature above 0 but found {temperature}"):
        check_temperature(temperature)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 1, 3, 4)])
def test_labels_may_have_a_channel_axis(shape):
    assert drop_channel_axis(torch.zeros(shape, dtype=torch.long), spatial=2).shape == (2, 3, 4)


def test_a_single_row_is_no_channel_axis():
    assert drop_channel_axis(torch.zeros(2, 1, 4, dtype=torch.long), spatial=2).shape == (2, 1, 4)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (torch.zeros(2, 3, 4), "expected integer labels as target but found torch.float32"),
        (torch.zeros(2, 3).long(), r"a batch axis and 2 spatial axes but found \(2, 3\)"),
        (torch.zeros(2, 3, 3, 4).long(), r"a batch axis and 2 spatial axes but found \(2, 3, 3, 4\)"),
    ],
)
def test_other_labels_are_refused(target, message):
    with pytest.raises(ValueError, match=message):
        drop_channel_axis(target, spatial=2)


def test_labels_outside_the_classes_are_listed_once():
    with pytest.raises(ValueError, match=r"labels 0\.\.2 or 255 \(ignored\) in the target but found \[-1, 3\]"):
        check_labels(torch.tensor([0, 3, -1, 255, 3]), 3, ignore_index=255)
    with pytest.raises(ValueError, match=r"labels 0\.\.2 in the target but found \[255\]"):
        check_labels(torch.tensor([0, 255]), 3)
    check_labels(torch.tensor([0, 2, 255]), 3, ignore_index=255)


def test_labels_are_not_looked_at_where_that_would_stall():
    check_labels(torch.empty(3, dtype=torch.long, device="meta"), 3)


@pytest.mark.parametrize(("samples", "positions"), [(2, 1), (1, 2)])
def test_two_values_can_be_normalised(samples, positions):
    check_normalised(samples, positions, "of the map")


def test_one_value_cannot_be_normalised():
    with pytest.raises(ValueError, match=r"expected at least 2 samples of the map, which is a single .* but found 1"):
        check_normalised(1, 1, "of the map")
