"""The recipe for noisy labels: what each run reads and starts with, and two steps of each."""

import functools

import pytest
import torch
from conftest import ROOT
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from small_segmentors import check_steps, small_batch, small_distiller

import common.engine  # noqa: F401 - as the configs do
import tasks.seg  # noqa: F401
from common.config import check_keys, read_config
from common.errors import CheckpointError
from common.tables import load_table
from data_prep.seg.label_noise import copy_with_noise

FOLDER = ROOT / "configs" / "seg"
LISTS = {
    "teacher_deeplab_noisy": "noisy.txt",
    "student_deeplab_noisy": "noisy.txt",
    "student_deeplab_clean": "clean.txt",
    "student_deeplab_mixed": "mixed.txt",
    "finetune_deeplab_noisy": "clean.txt",
    "kd_deeplab_noisy": "noisy.txt",
    "dml_deeplab_noisy": "noisy.txt",
}
ALONE = ("teacher_deeplab_noisy", "student_deeplab_noisy", "student_deeplab_clean", "student_deeplab_mixed")
SIZE = 64


@functools.cache
def config(name):
    return read_config(FOLDER / f"{name}.py")


@pytest.fixture(scope="module")
def noisy(small_camvid, tmp_path_factory):
    root = tmp_path_factory.mktemp("noisy") / "noisy"
    copy_with_noise(small_camvid, root, clean_every=4, workers=1)
    return root


def build(model):
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("mmseg"):
        return MODELS.build(model).train()


def take_steps(model, name, root, steps=2):
    wrapper = build_optim_wrapper(model, config(name).optim_wrapper)
    batch = small_batch(config(name).train_dataloader.dataset, root, SIZE)
    for _ in range(steps):
        logged = model.train_step(batch, wrapper)
        assert all(torch.isfinite(value).all() for value in logged.values())
    return logged


@pytest.mark.parametrize("name", LISTS)
def test_runs_learn_from_their_list_and_are_scored_on_clean_labels(name):
    cfg = config(name)
    check_keys(cfg, strict=True)
    assert cfg.train_dataloader.dataset.ann_file == LISTS[name]
    for split in ("val", "test"):
        assert "ann_file" not in cfg[f"{split}_dataloader"].dataset
        assert cfg[f"{split}_dataloader"].dataset.data_root == cfg.train_dataloader.dataset.data_root


def test_fine_tuning_and_both_sets_at_once_take_as_long():
    together = sum(config(name).train_cfg.max_iters for name in ("student_deeplab_noisy", "finetune_deeplab_noisy"))
    assert config("student_deeplab_mixed").train_cfg.max_iters == together
    for name in LISTS:
        assert config(name).param_scheduler[-1].end == config(name).train_cfg.max_iters


@pytest.mark.parametrize("name", ALONE)
def test_networks_alone_take_two_steps(name, noisy):
    take_steps(build(config(name).model), name, noisy)


def test_the_noisy_list_gives_the_noisy_labels(noisy, small_camvid):
    found = {}
    for kind in ("noisy", "clean"):
        dataset = config(f"student_deeplab_{kind}").train_dataloader.dataset.copy()
        dataset.update(data_root=str(noisy), pipeline=[])
        with DefaultScope.overwrite_default_scope("mmseg"):
            from mmseg.registry import DATASETS

            built = DATASETS.build(dataset)
        found[kind] = {built.get_data_info(i)["seg_map_path"].split("/")[-2] for i in range(len(built))}
    assert found == {"noisy": {"trainnoisy"}, "clean": {"trainannot"}}


def test_fine_tuning_goes_on_from_a_run_on_noisy_labels(noisy, tmp_path):
    own = build(config("student_deeplab_noisy").model).state_dict()
    torch.save({"state_dict": own}, tmp_path / "noisy.pth")
    model = build({**config("finetune_deeplab_noisy").model, "start": str(tmp_path / "noisy.pth")})
    model.init_weights()
    assert all(torch.equal(value, own[name]) for name, value in model.student.state_dict().items())
    logged = take_steps(model, "finetune_deeplab_noisy", noisy)
    assert {"decode.loss_ce", "aux.loss_ce"} <= logged.keys()
    assert not torch.equal(model.student.decode_head.conv_seg.weight, own["decode_head.conv_seg.weight"])


def test_fine_tuning_without_a_run_on_noisy_labels_says_what_to_do(tmp_path):
    with pytest.raises(CheckpointError, match="train the student alone first"):
        build({**config("finetune_deeplab_noisy").model, "start": str(tmp_path / "iter_300.pth")})


def test_distillation_on_noisy_labels_takes_two_steps(noisy):
    cfg = config("kd_deeplab_noisy")
    model = small_distiller(cfg, config("teacher_deeplab_noisy"))
    check_steps(model.train(), cfg, small_batch(cfg.train_dataloader.dataset, noisy))


def test_mutual_learning_on_noisy_labels_moves_both_students(noisy):
    model = build(config("dml_deeplab_noisy").model)
    heads = [each.decode_head.conv_seg.weight for each in (model.student, model.peers["peer"])]
    before = [each.detach().clone() for each in heads]
    assert not torch.equal(*before)
    logged = take_steps(model, "dml_deeplab_noisy", noisy)
    assert {"loss_to_student", "loss_to_peer", "decode.loss_ce", "peer.decode.loss_ce"} <= logged.keys()
    assert not any(torch.equal(now, then) for now, then in zip(heads, before, strict=True))


def test_the_table_fine_tunes_every_way_of_learning_from_noise():
    table = load_table("seg_noisy_labels")
    starts = {row.name: row.start for row in table.rows if row.start}
    assert starts == {"fine-tuned (SDA)": "noisy labels", "KD, fine-tuned": "KD", "DML, fine-tuned": "DML"}
    assert {row.config for row in table.rows} == {f"configs/seg/{name}.py" for name in LISTS}
