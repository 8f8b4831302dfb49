"""The benchmark of the losses."""

import pytest
import torch
from catalogue import LOSSES

from common.errors import ConfigError
from common.loss_benchmark import Options, chosen, losses_table, measure_losses
from common.loss_benchmark.arguments import MINI, Draw
from common.loss_benchmark.cases import CASES
from common.loss_benchmark.measure import OURS, measure_case, prepared


def test_every_loss_is_measured():
    assert {case.loss for case in CASES} == {entry.name for entry in LOSSES}


def test_a_loss_is_timed_beside_what_torch_writes_out():
    result = measure_losses(chosen(["kd_loss"]), Options(rounds=1, mini=True))
    rows = losses_table(result).rows
    assert any("kd_loss" in str(row[0]) and "torch" in map(str, row) for row in rows)


WRITTEN_OUT = [(case, peer) for case in CASES for peer in case.peers if peer != "torchdistill"]  # whose sums differ


@pytest.mark.parametrize(("case", "peer"), WRITTEN_OUT, ids=lambda value: getattr(value, "name", value))
def test_a_formula_written_out_gives_our_value(case, peer):
    values, _ = prepared(case, Draw(MINI))
    if peer not in values:
        pytest.skip(f"{peer} is not installed")
    torch.testing.assert_close(values[peer](), values[OURS](), rtol=1e-5, atol=1e-6)


def test_notes_speak_of_the_shapes_that_are_measured():
    result = measure_case(chosen(["CRDLoss"])[0], Options(rounds=1, mini=True))
    assert result["note"] == "20 negatives out of a memory of 50"


def test_an_unknown_loss_is_named():
    with pytest.raises(ConfigError, match="kd_loss"):
        chosen(["kd_los"])


def test_the_processors_clock_cannot_see_a_gpu():
    with pytest.raises(ConfigError, match=r"found none|expected --clock wall"):
        Options(device="cuda", clock="cpu")
