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
from common.adapters import KINDS
from common.config import check_keys, read_config
from common.tables import check_configs, load_table
from common.training import forget_pretrained

FOLDER = ROOT / "configs" / "common"
DIGITS = sorted(path.stem for path in FOLDER.glob("*_digits.py"))
METHODS = sorted(set(DIGITS) - {"student_digits", "teacher_digits"})
OTHERS = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.endswith("_digits"))


def build(path: Path):
    cfg = read_config(path)
    check_keys(cfg, strict=True)
    for teacher in cfg.model.get("teachers", {}).values():
        if "ema" not in teacher:
            teacher["checkpoint"] = None
    forget_pretrained(cfg)
    torch.manual_seed(0)
    set_iteration(0)
    return cfg, MODELS.build(cfg.model)


def digits(cfg, first, count=16):
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    return pseudo_collate([dataset[i] for i in range(first, first + count)])


@pytest.mark.parametrize("name", DIGITS)
def test_a_method_takes_two_steps(name):
    cfg, model = build(FOLDER / f"{name}.py")
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
    for step in range(2):
        logged = model.train_step(digits(cfg, 16 * step), optimizer)
        assert all(torch.isfinite(value).all() for value in logged.values())


@pytest.mark.parametrize("name", METHODS)
def test_every_term_of_a_method_reaches_the_first_layer_of_what_it_trains(name):
    """By itself, without the labels' cross-entropy, which would move the student in any case."""
    cfg, model = build(FOLDER / f"{name}.py")
    set_iteration(100)  # beyond the start of any warm-up
    data = model.data_preprocessor(digits(cfg, 0), True)
    losses = model.train()(**data, mode="loss")
    for term in cfg.model.losses:
        parts = [key for key in losses if key.startswith(f"loss_{term}")]
        assert parts
        for part in parts:
            trained = model.peers["peer"] if part.endswith("to_peer") else model.student
            weight = trained.network.stages[0][0].weight
            (gradient,) = torch.autograd.grad(losses[part], weight, retain_graph=True)
            assert gradient.abs().max() > 0, part


@pytest.mark.parametrize("name", OTHERS)
def test_a_config_for_other_data_builds(name):
    _, model = build(FOLDER / f"{name}.py")
    classes = {"cifar100": 100, "imagenet": 1000, "folder": 10}[name.rpartition("_")[2]]
    shape = (2, 3, 32, 32) if classes == 100 else (2, 3, 64, 64)
    assert model.eval()(torch.zeros(shape)).shape == (2, classes)


@pytest.mark.parametrize("name", ["digits", "nkd_uskd_cifar100", "nkd_uskd_imagenet"])
def test_a_table_names_configs_that_are_there(name):
    check_configs(load_table(name))


def test_the_pages_count_the_methods_and_name_every_adapter():
    page = (ROOT / "docs" / "methods.md").read_text()
    assert f" {len(METHODS)} methods" in page
    assert f" {len(METHODS)} offline, self- and mutual methods" in (ROOT / "README.md").read_text()
    assert [kind for kind in KINDS if f'`"{kind}"`' not in page] == []
