"""The learning-rate schedule of the authors of KD-Loss."""

import pytest
import torch

from common.errors import ConfigError
from tasks.landmarks.schedules import TimeDecayLR


def scheduled(decay, rates=(0.1, 0.02)):
    """An optimiser of a group for each rate, and its schedule."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    optimizer = torch.optim.SGD(groups)
    return optimizer, TimeDecayLR(optimizer, decay, by_epoch=False)


def rates_of(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def test_rates_are_divided_by_one_and_the_decay_times_the_iterations():
    optimizer, schedule = scheduled(0.5)
    for divisor in (1, 1.5, 2, 2.5):
        assert rates_of(optimizer) == pytest.approx([0.1 / divisor, 0.02 / divisor])
        optimizer.step()
        schedule.step()


def test_the_authors_rate_is_halved_after_ten_thousand_iterations():
    optimizer, schedule = scheduled(1e-4, rates=(1e-3,))
    optimizer.step()
    for _ in range(10_000):
        schedule.step()
    assert rates_of(optimizer) == pytest.approx([5e-4])


def test_a_schedule_that_is_loaded_goes_on():
    optimizer, first = scheduled(0.5)
    optimizer.step()
    first.step()
    first.step()
    optimizer, again = scheduled(0.5)
    again.load_state_dict(first.state_dict())
    optimizer.step()
    again.step()
    assert rates_of(optimizer) == pytest.approx([0.1 / 2.5, 0.02 / 2.5])


def test_a_decay_below_0_is_refused():
    with pytest.raises(ConfigError, match=r"a decay of 0 or more but found -0\.1"):
        scheduled(-0.1)
