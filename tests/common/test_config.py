"""Reading a run's config, and what is added to it."""

import pytest
import torch
from mmengine.config import Config

from common.config import HOOKS, check_keys, prepare_run, read_config
from common.errors import ConfigError


@pytest.fixture
def config(tmp_path):
    def write(text, name="run.py"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_options_override_single_values(config):
    path = config("model = dict(backbone=dict(depth=18), heads=[dict(a=1)])\ntrain_cfg = dict(max_iters=3)\n")
    cfg = read_config(path, {"model.backbone.depth": 34, "model.heads.0.a": 2, "work_dir": "x"})
    assert (cfg.model.backbone.depth, cfg.model.heads[0].a, cfg.work_dir, cfg.train_cfg.max_iters) == (34, 2, "x", 3)


def test_missing_file_offers_the_nearest(config):
    path = config("", "bpkd_deeplab.py")
    with pytest.raises(ConfigError, match=r"bpkd_deplab\.py but found none; did you mean .*bpkd_deeplab\.py"):
        read_config(path.with_name("bpkd_deplab.py"))


@pytest.mark.parametrize("text", ["model = (", "raise ValueError('no')", "_base_ = 'nowhere.py'"])
def test_broken_config_is_one_message_with_the_file(config, text):
    with pytest.raises(ConfigError, match=r"expected a readable config but .*run\.py fails with \w+: "):
        read_config(config(text))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modle.depth": 3}, "--cfg-options modle.depth: no config key 'modle'; did you mean 'model'"),
        ({"max_iters": 3}, "no config key 'max_iters'; did you mean 'train_cfg.max_iters'"),
        ({"max_iter": 3}, "no config key 'max_iter'; did you mean 'train_cfg.max_iters'"),
        ({"nothing_like_it": 3}, "no config key 'nothing_like_it'$"),
        ({"model.heads.5.a": 1}, "--cfg-options model.heads.5.a does not fit"),
        ({"model.heads.x": 1}, "does not fit"),
    ],
)
def test_option_that_does_not_fit_names_itself(config, options, message):
    with pytest.raises(ConfigError, match=message):
        read_config(config("model = dict(heads=[dict(a=1)])\ntrain_cfg = dict(max_iters=5)\n"), options)


def test_mmsegs_shipped_configs_can_be_inherited_without_installing_anything(config, monkeypatch):
    def install(*_):
        raise AssertionError("tried to install a package")

    monkeypatch.setattr("mmengine.utils.install_package", install)
    cfg = read_config(config("_base_ = 'mmseg::fcn/fcn_r50-d8_4xb2-40k_cityscapes-512x1024.py'\n"))
    assert cfg.model.decode_head.type == "FCNHead"


def keys(config, **entries):
    return Config(entries, filename=str(config("")))


def test_unknown_key_offers_the_nearest(config):
    for strict in (True, False):
        with pytest.raises(ConfigError, match=r"'optim_wraper' in .*run\.py; did you mean 'optim_wrapper'"):
            check_keys(keys(config, optim_wraper={}), strict)


def test_a_configs_own_values_start_with_an_underscore_in_the_suites_configs(config):
    check_keys(keys(config, _root="x", depths=[2, 2]), strict=False)
    with pytest.raises(ConfigError, match=r"unknown config key 'depths' .* starts with an underscore"):
        check_keys(keys(config, _root="x", depths=[2, 2]), strict=True)


def test_keys_of_the_runner_and_of_openmmlabs_convention_pass(config):
    check_keys(
        keys(config, model={}, env_cfg={}, randomness={}, find_unused_parameters=True, compile=True, crop_size=1), True
    )


@pytest.fixture
def prepared(config):
    def prepare(seed=None, work_dir=None, **entries):
        loader = {"sampler": {"type": "InfiniteSampler", "shuffle": True}, "dataset": {"type": "CamVidDataset"}}
        cfg = Config({"train_dataloader": loader, **entries}, filename=str(config("")))
        return prepare_run(cfg, seed, work_dir)

    return prepare


def test_training_data_is_seeded(prepared):
    loader = prepared().train_dataloader
    assert loader.sampler == {"type": "SeededSampler", "shuffle": True}
    assert loader.dataset == {"type": "SeededDataset", "dataset": {"type": "CamVidDataset"}}


def test_other_samplers_stay(prepared):
    loader = {"sampler": {"type": "DefaultSampler"}, "dataset": {"type": "CamVidDataset"}}
    assert prepared(train_dataloader=loader).train_dataloader == loader


@pytest.mark.parametrize(
    ("given", "configured", "expected"),
    [(None, {}, 0), (None, {"seed": 4}, 4), (0, {"seed": 4}, 0), (5, {"seed": None}, 5)],
)
def test_seed_is_the_command_lines_then_the_configs_then_0(prepared, given, configured, expected):
    assert prepared(given, randomness=configured).randomness.seed == expected


def test_work_folder_is_the_command_lines_then_the_configs_then_named_after_the_config(prepared, config):
    assert prepared().work_dir == "work_dirs/run"
    assert prepared(work_dir="mine").work_dir == "mine"
    cfg = keys(config, work_dir="theirs")
    assert prepare_run(cfg).work_dir == "theirs"
    assert prepare_run(cfg, work_dir="mine").work_dir == "mine"


def test_hooks_are_added_once_and_the_configs_own_stay(prepared):
    cfg = prepared(custom_hooks=[{"type": "EMAHook"}, {"type": "FiniteLossHook", "priority": 1}])
    types = [hook["type"] for hook in cfg.custom_hooks]
    assert sorted(types) == sorted(["EMAHook", *HOOKS])
    assert prepare_run(cfg).custom_hooks == cfg.custom_hooks


def test_engine_registers_what_the_hooks_are(prepared):
    cfg = prepared(custom_imports={"imports": ["tasks.seg"]})
    assert cfg.custom_imports.imports == ["tasks.seg", "common.engine"]


def test_config_given_stays_as_it_was(config):
    cfg = keys(config, train_dataloader={"sampler": {"type": "InfiniteSampler"}, "dataset": {"type": "X"}})
    prepare_run(cfg)
    assert cfg.train_dataloader.sampler.type == "InfiniteSampler"
    assert "custom_hooks" not in cfg


@pytest.mark.parametrize(("gpu", "backend"), [(True, "nccl"), (False, "gloo")])
def test_processes_without_a_gpu_talk_through_gloo(prepared, monkeypatch, gpu, backend):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    environment = {"cudnn_benchmark": True, "dist_cfg": {"backend": "nccl"}}
    cfg = prepared(env_cfg=environment, launcher="pytorch")
    assert cfg.env_cfg.dist_cfg.backend == backend
    assert cfg.env_cfg.cudnn_benchmark
    assert ("model_wrapper_cfg" in cfg) == (not gpu)
    assert "model_wrapper_cfg" not in prepared(env_cfg=environment)


def test_preprocessor_beside_the_model_belongs_to_the_student_of_a_distillation(prepared):
    student = {"type": "EncoderDecoder"}
    cfg = prepared(model={"type": "Distiller", "student": student}, data_preprocessor={"type": "SegDataPreProcessor"})
    assert cfg.model.student.data_preprocessor.type == "SegDataPreProcessor"
    assert "data_preprocessor" not in cfg
    assert "data_preprocessor" in prepared(model=student, data_preprocessor={"type": "SegDataPreProcessor"})


def test_a_scheduled_weight_lets_several_processes_expect_idle_adapters(prepared):
    def run(weight):
        return prepared(model={"type": "Distiller", "losses": {"cwd": {"type": "CWDLoss", "weight": weight}}})

    assert run({"type": "linear_warmup", "value": 3.0, "steps": 10}).find_unused_parameters
    assert "find_unused_parameters" not in run(3.0)
