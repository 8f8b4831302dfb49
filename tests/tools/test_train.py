"""The command that trains: from a config, or from any mmseg config and a teacher."""

import json
import os
import pathlib
import runpy
import shutil
import signal
import subprocess
import sys
import time

import cv2
import mmseg
import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.logging import MMLogger
from small_runs import distiller, network, run_config, write_camvid, write_config, write_teacher

import tasks.seg  # noqa: F401  (what it says on import is not said in a test)
from common.checkpoint import read_checkpoint

TOOL = str(ROOT / "tools" / "train.py")


@pytest.fixture
def train(capfd):
    """Runs the command in this process: exit status, what it printed, what it complained of."""
    main = runpy.run_path(TOOL)["main"]

    def run(*arguments):
        MMLogger._instance_dict.clear()  # loggers of earlier runs write to streams that are closed
        status = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return status, out, err

    return run


def start(*arguments, cwd, environment=None, **options):
    """Starts the command as a process of its own."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    command = [sys.executable, TOOL, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=cwd, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def finish(process):
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, out[-2000:] + err[-3000:]
    return out, err


def assert_same_weights(found, expected, tolerance=0.0):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(
            found[key], value, rtol=tolerance, atol=tolerance, msg=lambda m, key=key: f"{key}: {m}"
        )


@pytest.fixture
def plain(tmp_path, small_camvid):
    """A plain mmseg config that knows nothing of this suite, with the stock loaders."""
    config = run_config(small_camvid, network(), iters=2)
    config["custom_imports"] = {"imports": ["tasks.seg"], "allow_failed_imports": False}
    return write_config(tmp_path / "plain.py", config)


@pytest.mark.parametrize("method", ["kd", "cwd", "bpkd"])
def test_any_config_distils_from_a_teacher_by_a_method(train, plain, small_teacher, tmp_path, method):
    status, out, err = train(
        plain, "--teacher", *small_teacher, "--method", method, "--work-dir", tmp_path / "run", "--seed", 1
    )
    assert status == 0, err
    assert "student.logits" in out
    assert "teacher.logits" in out
    assert "2x11x16x16" in out
    stored = read_checkpoint(tmp_path / "run" / "iter_2.pth")
    assert list(stored["distill"]["losses"]) == [method]
    assert stored["distill"]["seed"] == 1


def shipped(*parts):
    return os.path.join(os.path.dirname(mmseg.__file__), ".mim", "configs", *parts)


def shrunk():
    """Options that make mmseg's FCN on Cityscapes small enough for a test."""
    return [
        *("model.backbone.depth=18", "model.backbone.base_channels=4", "model.backbone.stem_channels=4"),
        *("model.decode_head.in_channels=32", "model.decode_head.channels=8", "model.decode_head.num_classes=11"),
        *("model.auxiliary_head.in_channels=16", "model.auxiliary_head.channels=8"),
        *("model.auxiliary_head.num_classes=11", "model.data_preprocessor.size=(32,32)"),
        *(
            "train_dataloader.batch_size=2",
            "train_dataloader.num_workers=0",
            "train_dataloader.persistent_workers=False",
        ),
        *("val_dataloader.num_workers=0", "val_dataloader.persistent_workers=False"),
        *(f"{part}_dataloader.dataset.type=CamVidDataset" for part in ("train", "val")),
        *(f"{part}_dataloader.dataset.data_prefix.img_path=." for part in ("train", "val")),
        *("train_dataloader.dataset.pipeline.2.scale=(64,48)", "train_dataloader.dataset.pipeline.3.crop_size=(32,32)"),
        *("train_cfg.max_iters=2", "train_cfg.val_interval=2", "default_hooks.checkpoint.interval=2"),
    ]


def test_written_config_of_a_shipped_network_trains(train, small_teacher, small_camvid, tmp_path):
    source = shipped("fcn", "fcn_r50-d8_4xb2-40k_cityscapes-512x1024.py")
    written = tmp_path / "written.py"
    status, out, err = train(
        source, "--teacher", *small_teacher, "--method", "bpkd", "--no-pretrained", "--data-root", small_camvid,
        "--write-config", written, "--cfg-options", *shrunk(),
    )  # fmt: skip
    assert status == 0, err
    assert out.strip() == f"wrote {written}"
    assert not (tmp_path / "run").exists()
    status, out, err = train(written, "--work-dir", tmp_path / "run")
    assert status == 0, err
    assert "BPKDLoss" in out
    stored = read_checkpoint(tmp_path / "run" / "iter_2.pth")
    assert any(key.startswith("auxiliary_head") for key in stored["state_dict"])


def test_killed_in_mid_training_and_resumed_ends_bit_identical(train, small_camvid, small_teacher, tmp_path):
    """With augmentation, dropout, a validation and adapters; whatever the number of workers was and is."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the other process
    config = run_config(small_camvid, distiller(network(dropout=0.5), *small_teacher), iters=12, interval=4)
    path = write_config(tmp_path / "run.py", config)
    # Slow enough to be hit between the first checkpoint and the end.
    (tmp_path / "slow_step.py").write_text(SLOW_STEP)
    config["custom_hooks"] = [{"type": "SlowStepHook", "seconds": 0.2}]
    config["custom_imports"]["imports"].append("slow_step")
    slow = Config(config)
    slow.train_dataloader.update(num_workers=1, persistent_workers=True)
    slow.dump(tmp_path / "slow.py")
    here = {"PYTHONPATH": str(tmp_path)}
    killed = start(tmp_path / "slow.py", "--work-dir", "killed", cwd=tmp_path, environment=here, start_new_session=True)
    deadline = time.monotonic() + 280
    while not (tmp_path / "killed" / "iter_4.pth").exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert killed.poll() is None, killed.communicate()
    time.sleep(0.3)  # a step or two past the checkpoint
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "iter_12.pth").exists()
    assert train(path, "--work-dir", tmp_path / "whole")[0] == 0
    expected = read_checkpoint(tmp_path / "whole" / "iter_12.pth")
    for workers in (0, 1):
        shutil.copytree(tmp_path / "killed", tmp_path / f"resumed{workers}")
        options = [f"train_dataloader.num_workers={workers}", f"train_dataloader.persistent_workers={workers == 1}"]
        resume = ["--work-dir", tmp_path / f"resumed{workers}", "--resume", "--cfg-options", *options]
        assert train(path, *resume)[0] == 0
        found = read_checkpoint(tmp_path / f"resumed{workers}" / "iter_12.pth")
        assert_same_weights(found["state_dict"], expected["state_dict"])
        assert_same_weights(found["distill_state"], expected["distill_state"])
    torch.set_num_threads(threads)


SLOW_STEP = """
import time
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

@HOOKS.register_module()
class SlowStepHook(Hook):
    def __init__(self, seconds):
        self.seconds = seconds

    def after_train_iter(self, *_, **__):
        time.sleep(self.seconds)
"""

WRITE_LOSSES = """
import json, os
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

@HOOKS.register_module()
class WriteLossesHook(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        line = {key: float(value) for key, value in outputs.items()}
        with open(os.path.join(runner.work_dir, f'losses{get_rank()}.jsonl'), 'a') as file:
            file.write(json.dumps(line) + chr(10))
"""


def test_two_processes_compute_what_one_does_with_the_doubled_batch(train, small_teacher, tmp_path, monkeypatch):
    """No void labels and no batch norm in the student: then losses are means over equal parts."""

    data = write_camvid(tmp_path / "data", void=False)
    (tmp_path / "write_losses.py").write_text(WRITE_LOSSES)
    model = distiller(network(norm="GN"), *small_teacher)
    here = {"PYTHONPATH": str(tmp_path)}
    rendezvous = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(29500 + os.getpid() % 2000), "WORLD_SIZE": "2"}
    paths = {}
    for name, batch in {"one": 4, "two": 2}.items():
        config = run_config(data, model, iters=3, interval=3, batch=batch, augmented=False)
        config["custom_hooks"] = [{"type": "WriteLossesHook"}]
        config["custom_imports"]["imports"].append("write_losses")
        paths[name] = write_config(tmp_path / f"{name}.py", config)
    ranks = [
        start(
            paths["two"], "--work-dir", "two", "--launcher", "pytorch", cwd=tmp_path,
            environment={**here, **rendezvous, "RANK": rank, "LOCAL_RANK": rank},
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path)
    assert train(paths["one"], "--work-dir", tmp_path / "one")[0] == 0
    printed = [finish(process)[0] for process in ranks]
    assert [text.count("Distillation") for text in printed] == [1, 0]

    def losses(name, rank):
        lines = (tmp_path / name / f"losses{rank}.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    for one, first, second in zip(losses("one", 0), losses("two", 0), losses("two", 1), strict=True):
        for key in (key for key in one if "loss" in key):
            assert (first[key] + second[key]) / 2 == pytest.approx(one[key], rel=1e-5), key
    found, expected = (read_checkpoint(tmp_path / name / "iter_3.pth") for name in ("two", "one"))
    assert_same_weights(found["state_dict"], expected["state_dict"], 1e-5)
    assert_same_weights(found["distill_state"], expected["distill_state"], 1e-5)


def test_command_alone_prints_the_error_and_exits_with_2(tmp_path):
    process = start("nowhere.py", cwd=tmp_path)
    out, err = process.communicate(timeout=280)
    assert process.returncode == 2
    assert out == ""
    assert err.startswith("error: expected a config file at nowhere.py but found none")
    assert "Traceback" not in err


def test_absent_cityscapes_is_explained_in_three_lines(train, tmp_path, monkeypatch):
    monkeypatch.setenv("CITYSCAPES_ROOT", str(tmp_path / "cityscapes"))
    monkeypatch.chdir(tmp_path)
    status, _, err = train(ROOT / "configs" / "seg" / "bpkd_deeplab.py")
    assert status == 2
    what, where, how = err.strip().splitlines()
    assert f"{tmp_path}/cityscapes/leftImg8bit/train" in what
    assert "cityscapes-dataset.com" in where
    assert "data_prep/seg/cityscapes.py" in how
    assert "configs/seg/bpkd_deeplab_mini.py" in how
    assert not (tmp_path / "work_dirs").exists()


@pytest.fixture
def refused(train, small_camvid, small_teacher, tmp_path):
    """What the command says about a distillation config with changes, having checked that it left nothing behind."""

    def run(*arguments, change=lambda config: None, resume=()):
        config = run_config(small_camvid, distiller(network(), *small_teacher), iters=2)
        change(config)
        status, _, err = train(
            write_config(tmp_path / "run.py", config), "--work-dir", tmp_path / "run", *resume, *arguments
        )
        assert status == 2
        assert err.startswith("error: ")
        assert err.count("error: ") == 1
        assert "Traceback" not in err
        assert not [path for path in tmp_path.glob("run/**/*") if path.suffix in (".pth", ".tmp")]
        return err

    return run


def set_loss(key, value):
    return lambda config: config["model"]["losses"]["kd"].update({key: value})


def set_teacher(key, value):
    return lambda config: config["model"]["teachers"]["teacher"].update({key: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(optim_wraper={}), "unknown config key 'optim_wraper'"),
        (lambda c: c["model"].update(studnet={}), "Distiller has no key 'studnet'; did you mean 'student'"),
        (lambda c: c["model"]["taps"].update(logits="decode_head.conv_sg"), "did you mean 'decode_head.conv_seg'"),
        (lambda c: c["model"]["taps"].update(logits="decode_head.loss_decode"), "'decode_head.loss_decode' of the"),
        (set_loss("type", "KDLos"), "no loss 'KDLos'; did you mean 'KDLoss'"),
        (set_loss("temprature", 2), "unknown key 'temprature'; did you mean 'temperature'"),
        (set_loss("student", "features"), "loss 'kd' (student=student.features"),
        (set_loss("weight", 1e308), "loss_kd became inf at step 0"),
        (set_teacher("checkpoint", "nowhere.pth"), "expected a checkpoint at nowhere.pth but found none"),
        (set_teacher("config", "nowhere.py"), "expected a config file at nowhere.py but found none"),
        (lambda c: c.update(default_scope="mmdet3d"), "or default_scope 'mmdet', 'mmseg'"),
    ],
)
def test_mistake_in_a_config_is_one_message(refused, change, message):
    assert message in refused(change=change)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 6}, "keys can be loaded; "),
        ({"classes": 19}, "expected 11 outputs but found 19 (at decode_head.conv_seg.weight)"),
    ],
)
def test_teacher_checkpoint_that_does_not_fit_is_one_message(refused, small_camvid, tmp_path, options, message):
    (tmp_path / "other").mkdir()
    _, checkpoint = write_teacher(tmp_path / "other", small_camvid, **options)
    assert message in refused(change=set_teacher("checkpoint", str(checkpoint)))


def damage(root, what):
    label, image = root / "trainannot" / "003.png", root / "train" / "003.png"
    if what == "missing label":
        label.unlink()
    elif what == "other size":
        cv2.imwrite(str(label), cv2.imread(str(label), 0)[:20])
    elif what == "value out of range":
        picture = cv2.imread(str(label), 0)
        picture[5, 5] = 77
        cv2.imwrite(str(label), picture)
    elif what == "unreadable image":
        image.write_bytes(b"no picture")
    elif what == "empty folder":
        shutil.rmtree(root)
        root.mkdir()
    elif what == "missing folder":
        shutil.rmtree(root)


@pytest.mark.parametrize(
    ("what", "message", "workers"),
    [
        ("missing folder", "there is no such folder", 1),
        ("empty folder", "the folder is empty", 1),
        ("missing label", "expected the label trainannot/003.png", 1),
        ("other size", "expected a label of 64x48", 1),
        ("value out of range", "found 77 (1 pixels) in", 1),
        ("unreadable image", "found an unreadable file", 1),
        ("unreadable image", "found an unreadable file", 0),
    ],
)
def test_damaged_data_is_one_message_that_names_the_file(refused, tmp_path, what, message, workers):
    root = write_camvid(tmp_path / "data")
    damage(root, what)

    def slow_start(config):
        loader = config["train_dataloader"]
        loader.update(num_workers=workers, persistent_workers=workers > 0, batch_size=8)

    err = refused("--data-root", root, change=slow_start)
    assert message in err
    assert str(root) in err
    assert len(err.strip().splitlines()) <= 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cfg-options", "modle.x=1"], "no config key 'modle'; did you mean 'model'"),
        (["--teacher", "nowhere.py", "x.pth"], "distils already"),
        (["--amp"], "expected a GPU for mixed precision"),
        (["--cfg-options", "train_cfg=[dict(a=(1,2)),dict(a=1)]"], "a dict is set key by key"),
        (["--cfg-options", "train_cfg.max_iters"], "expected KEY=VALUE"),
    ],
)
def test_mistake_on_the_command_line_is_one_message(refused, arguments, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert message in refused(*arguments)


def test_resuming_from_a_damaged_checkpoint_is_one_message(train, plain, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "iter_1.pth").write_bytes(b"half a file")
    status, _, err = train(plain, "--work-dir", tmp_path / "run", "--resume")
    assert status == 2
    assert err.startswith("error: expected a checkpoint but found a damaged")


def test_teacher_with_objects_in_its_file_is_loaded_where_trusted(train, plain, small_teacher, tmp_path):

    config, checkpoint = small_teacher
    stored = torch.load(checkpoint, weights_only=True)
    torch.save({**stored, "note": pathlib.PurePosixPath("x")}, tmp_path / "own.pth")
    command = [plain, "--teacher", config, tmp_path / "own.pth", "--method", "kd", "--work-dir", tmp_path / "run"]
    status, _, err = train(*command)
    assert status == 2
    assert "--trust-checkpoint" in err
    assert train(*command, "--trust-checkpoint")[0] == 0


def test_config_is_not_half_written(train, plain, small_teacher, tmp_path):
    status, _, err = train(plain, "--teacher", *small_teacher, "--method", "bpk", "--write-config", tmp_path / "new.py")
    assert status == 2
    assert "did you mean 'bpkd'" in err
    assert not (tmp_path / "new.py").exists()
