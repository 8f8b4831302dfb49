"""The weight of a loss over training steps."""

import math

import pytest

from common.errors import ConfigError
from common.schedules import WeightSchedule, build_weight


def test_number_is_constant():
    weight = build_weight(3)
    assert (weight(0), weight(10**6)) == (3.0, 3.0)
    assert str(weight) == "3"


@pytest.mark.parametrize(("step", "expected"), [(0, 0), (10, 0), (15, 25.0), (20, 50.0), (99, 50.0)])
def test_linear_warmup_rises_from_zero_between_begin_and_begin_plus_steps(step, expected):
    weight = build_weight({"type": "linear_warmup", "value": 50, "begin": 10, "steps": 10})
    assert weight(step) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 5.0), (4, 5.0), (6, 3.0 + 2 * math.cos(math.pi / 4)), (8, 3.0), (12, 1.0), (50, 1.0)]
)
def test_cosine_falls_to_its_end_along_half_a_cosine(step, expected):
    weight = build_weight({"type": "cosine", "value": 5.0, "begin": 4, "steps": 8, "end": 1.0})
    assert weight(step) == pytest.approx(expected)


@pytest.mark.parametrize(("step", "expected"), [(0, math.exp(-5)), (5, math.exp(-1.25)), (10, 1.0), (20, 1.0)])
def test_exp_warmup_rises_as_in_feature_fusion_learning(step, expected):
    weight = build_weight({"type": "exp_warmup", "value": 1, "steps": 10})
    assert weight(step) == pytest.approx(expected)


def test_stop_after_is_zero_from_that_step_on():
    weight = build_weight({"type": "stop_after", "value": 2.0, "steps": 3})
    assert [weight(step) for step in range(5)] == [2.0, 2.0, 2.0, 0.0, 0.0]


def test_schedule_shows_its_course():
    assert str(build_weight({"type": "stop_after", "value": 2.0, "steps": 3})) == "2 until step 3"
    shown = str(build_weight({"type": "linear_warmup", "value": 50, "begin": 10, "steps": 10}))
    assert shown == "0 -> 50 (linear_warmup, steps 10..20)"


def test_schedule_passes_as_it_is():
    weight = WeightSchedule("constant", 2.0)
    assert build_weight(weight) is weight


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("3", "'kd': expected weight to be a number or a dict but found '3'"),
        (True, "expected weight to be a number"),
        ({"type": "linear_warm_up", "value": 1, "steps": 2}, "did you mean 'linear_warmup'"),
        ({"value": 1}, "expected weight type constant, linear_warmup, exp_warmup, cosine, stop_after but found None"),
        ({"type": "cosine", "value": 1, "step": 2}, "unknown key 'step' of weight 'cosine'; did you mean 'steps'"),
        ({"type": "stop_after", "value": 1, "steps": 2, "begin": 1}, "unknown key 'begin' of weight 'stop_after'"),
        ({"type": "cosine", "value": "1.0", "steps": 2}, "'kd': expected weight value to be a number but found '1.0'"),
        ({"type": "linear_warmup", "value": 1, "steps": "2"}, "expected weight steps to be a number but found '2'"),
        ({"type": "cosine", "steps": 2}, "needs value="),
        ({"type": "cosine", "value": 1}, "needs steps > 0, found None"),
        ({"type": "stop_after", "value": 1, "steps": 0}, "needs steps > 0, found 0"),
    ],
)
def test_unreadable_weight_names_the_loss_and_the_key(spec, message):
    with pytest.raises(ConfigError, match=message):
        build_weight(spec, "kd")
