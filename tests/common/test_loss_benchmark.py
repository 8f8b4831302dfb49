"""The benchmark of the losses."""

import pytest
from catalogue import LOSSES

from common.errors import ConfigError
from common.loss_benchmark import Options, chosen, losses_table, measure_losses
from common.loss_benchmark.cases import CASES


def test_every_loss_is_measured():
    assert {case.loss for case in CASES} == {entry.name for entry in LOSSES}


def test_a_loss_is_timed_beside_what_torch_writes_out():
    result = measure_losses(chosen(["kd_loss"]), Options(rounds=1, mini=True))
    rows = losses_table(result).rows
    assert any("kd_loss" in str(row[0]) and "torch" in map(str, row) for row in rows)


def test_an_unknown_loss_is_named():
    with pytest.raises(ConfigError, match="kd_loss"):
        chosen(["kd_los"])


def test_the_processors_clock_cannot_see_a_gpu():
    with pytest.raises(ConfigError, match=r"found none|expected --clock wall"):
        Options(device="cuda", clock="cpu")
