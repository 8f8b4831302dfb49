import types

import pytest
import torch
from torch import nn

from common.errors import CheckpointError, ConfigError
from common.sources import Source, check_seeds, evenly_spread, origin_of


def loaded(name, weights, outputs=1):
    source = {"weights": weights, "checkpoint": f"{weights}.pth"}
    return types.SimpleNamespace(name=name, model=nn.Linear(2, outputs), source=source)


def test_origin_tells_the_seed_and_no_folder_of_the_machine(tmp_path):
    source = Source("kd", str(tmp_path / "a.py"), str(tmp_path / "b.pth"))
    model = nn.Linear(2, 1)
    origin = origin_of(source, model, {"distill": {"seed": 7}})
    assert origin["seed"] == 7
    assert str(tmp_path) not in str(origin)
    assert "seed" not in origin_of(source, model, {})
    with torch.no_grad():
        model.weight.add_(1)
    assert origin_of(source, model, {})["weights"] != origin["weights"]


def test_seeds_of_one_network_and_other_networks_pass():
    check_seeds([loaded("kd", "a"), loaded("kd", "b"), loaded("plain", "a"), loaded("teacher", "c", outputs=9)])


def test_copies_are_no_seeds():
    with pytest.raises(CheckpointError, match=r"other seeds of 'kd' but found the same weights in a\.pth and a\.pth"):
        check_seeds([loaded("kd", "a"), loaded("plain", "b"), loaded("kd", "a")])


def test_seeds_are_of_one_network():
    with pytest.raises(ConfigError, match="seeds of one network as 'kd' but found 3 and 6 parameters"):
        check_seeds([loaded("kd", "a"), loaded("kd", "b", outputs=2)])


@pytest.mark.parametrize("limit", [4, None])
def test_a_limit_that_is_no_limit_leaves_all(limit):
    assert evenly_spread(3, limit) == [0, 1, 2]


def test_a_limit_spreads_evenly():
    assert evenly_spread(10, 4) == [0, 2, 5, 7]
