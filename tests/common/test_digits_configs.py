"""Every method of the testbed builds from its config and moves the student."""

from pathlib import Path

import pytest
import torch
from conftest import ROOT
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.registry import DATASETS, MODELS
from toys import set_iteration

import common.classification
import common.engine  # noqa: F401
from common.config import check_keys, read_config
from common.tables import check_configs, load_table

FOLDER = ROOT / "configs" / "common"
DIGITS = sorted(path.stem for path in FOLDER.glob("*_digits.py"))
PAPERS = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.endswith("_digits"))


def build(path: Path):
    cfg = read_config(path)
    check_keys(cfg, strict=True)
    for teacher in cfg.model.get("teachers", {}).values():
        if "ema" not in teacher:
            teacher["checkpoint"] = None
        if "model" in teacher:
            teacher.model.network.weights = None  # which are fetched
    torch.manual_seed(0)
    set_iteration(0)
    return cfg, MODELS.build(cfg.model)


@pytest.mark.parametrize("name", DIGITS)
def test_a_method_takes_two_steps(name):
    cfg, model = build(FOLDER / f"{name}.py")
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
    student = getattr(model, "student", model)
    before = [parameter.detach().clone() for parameter in student.parameters()]
    expected = {f"loss_{term}" for term in cfg.model.get("losses", {})}
    for step in range(2):
        logged = model.train_step(pseudo_collate([dataset[i] for i in range(16 * step, 16 * step + 16)]), optimizer)
        assert all(torch.isfinite(value).all() for value in logged.values())
    assert expected == {name for name in expected if any(key.startswith(name) for key in logged)}
    moved = [not torch.equal(old, new) for old, new in zip(before, student.parameters(), strict=True)]
    assert all(moved)


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_s_config_builds(name):
    _, model = build(FOLDER / f"{name}.py")
    shape = (2, 3, 32, 32) if "cifar" in name else (2, 3, 64, 64)
    assert model.eval()(torch.zeros(shape)).shape == (2, 100 if "cifar" in name else 1000)


@pytest.mark.parametrize("name", ["digits", "nkd_uskd_cifar100", "nkd_uskd_imagenet"])
def test_a_table_names_configs_that_are_there(name):
    check_configs(load_table(name))
