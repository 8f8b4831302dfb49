"""Classification from the command lines: one's own images, any teacher, and what is said about mistakes."""

import runpy

import numpy as np
import pytest
import torch
from conftest import ROOT
from mmengine.logging import MMLogger
from mmengine.registry import MODELS
from PIL import Image

import common.classification  # noqa: F401
from common.checkpoint import read_checkpoint
from common.classification.entry import METHODS, check_data
from common.config import read_config
from common.errors import ConfigError

CONFIGS = ROOT / "configs" / "common"
STUDENT, TEACHER, DISTILLED = (CONFIGS / f"{name}_digits.py" for name in ("student", "teacher", "kd"))


@pytest.mark.parametrize("config", [STUDENT, DISTILLED])
def test_the_digits_pass(config):
    check_data(read_config(config))


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        (STUDENT, {"train_dataloader.dataset.splitt": "train"}, "train_dataloader.* has no key 'splitt'"),
        (STUDENT, {"val_dataloader.dataset.type": "DigitDataset"}, "val_dataloader.*did you mean 'DigitsDataset'"),
        (STUDENT, {"model.network.num_classes": 7}, "expected num_classes=10, .* but SmallCNN has 7"),
        (STUDENT, {"model.network.type": "torchvision_network"}, "but torchvision_network has 1000"),
        (DISTILLED, {"model.student.network.num_classes": 7}, "expected num_classes=10, .* but SmallCNN has 7"),
        (DISTILLED, {"model.example.shape": (3, 8, 8)}, r"expected example shape \(1, 8, 8\), .* found \(3, 8, 8\)"),
    ],
)
def test_a_mistake_is_said_before_training(config, options, message):
    with pytest.raises(ConfigError, match=message):
        check_data(read_config(config, options))


@pytest.fixture
def command():
    """Runs a command and returns its exit status."""

    def run(tool, *arguments):
        MMLogger._instance_dict.clear()  # loggers of earlier runs write to streams that are closed
        return runpy.run_path(str(ROOT / "tools" / f"{tool}.py"))["main"]([str(argument) for argument in arguments])

    return run


@pytest.fixture
def run(command, capfd):
    """Runs a command on a config of the digits and returns what it complained of, in one line."""

    def complaint(tool, *arguments):
        assert command(tool, *arguments) == 2
        error = capfd.readouterr().err
        assert error.count("\n") == 1
        return error

    return complaint


def random_weights(config, path):
    torch.save({"state_dict": MODELS.build(read_config(config).model).state_dict()}, path)
    return path


@pytest.fixture
def checkpoint(tmp_path):
    return random_weights(STUDENT, tmp_path / "student.pth")


@pytest.fixture
def teacher(tmp_path):
    return TEACHER, random_weights(TEACHER, tmp_path / "teacher.pth")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data-root", "nowhere"], "expected datasets with a data_root but found none"),
        (["--cfg-options", "test_dataloader=None"], "expected a test_dataloader"),
        (["--cfg-options", "test_dataloader.dataset.splitt=test"], "has no key 'splitt'; did you mean 'split'"),
        (["--cfg-options", "test_dataloader.dataset.type=DigitDataset"], "did you mean 'DigitsDataset'"),
        (["--cfg-options", "model.network.type=SmallCN"], "SmallCN"),
        (["--cfg-options", "model.network.width=3"], "has no key 'width'"),
    ],
)
def test_a_mistake_in_scoring_is_one_line(run, checkpoint, arguments, message):
    assert message in run("test", STUDENT, checkpoint, *arguments)


def test_a_network_that_does_not_take_the_images_is_one_line(run, tmp_path):
    options = ["model.network.in_channels=3", "train_cfg.max_iters=1"]
    config = tmp_path / "kd.py"
    config.write_text(
        f"_base_ = {str(STUDENT)!r}\nmodel = dict(_delete_=True, type='Distiller', student={{{{_base_.model}}}}, "
        "teachers=dict(mean=dict(ema=0.9)), taps=dict(logits='network'), "
        "losses=dict(kd=dict(type='kd_loss', student='logits', teacher='mean.logits')), "
        "example=dict(type='ClassExample', shape=(1, 8, 8)))\n"
    )
    options = ["model.student.network.in_channels=3", "train_cfg.max_iters=1"]
    message = run("train", config, "--work-dir", tmp_path / "run", "--cfg-options", *options)
    assert "cannot be built: Given groups=1" in message


@pytest.mark.parametrize("method", METHODS)
def test_a_classifier_is_distilled_from_a_teacher_by_a_method(command, teacher, tmp_path, method):
    options = ["train_cfg.max_iters=1", "default_hooks.checkpoint.interval=1"]
    folder = ["--work-dir", tmp_path / "run", "--cfg-options", *options]
    assert command("train", STUDENT, "--teacher", *teacher, "--method", method, *folder) == 0
    assert list(read_checkpoint(tmp_path / "run" / "iter_1.pth")["distill"]["losses"]) == [method]


@pytest.mark.parametrize(
    ("config", "arguments", "message"),
    [
        (STUDENT, ["--method", "bpkd"], "no method 'bpkd'; there are kd, dkd, dist, lskd"),
        (DISTILLED, [], "distils already"),
        (STUDENT, ["--cfg-options", "model.network.num_classes=7"], "expected a teacher of 7 classes"),
    ],
)
def test_what_cannot_be_distilled_from_a_teacher_is_one_line(run, teacher, tmp_path, config, arguments, message):
    assert message in run("train", config, "--teacher", *teacher, "--work-dir", tmp_path / "run", *arguments)


def test_kd_is_the_method_of_classifiers_where_none_is_named(command, teacher, tmp_path):
    written = tmp_path / "written.py"
    assert command("train", STUDENT, "--teacher", *teacher, "--write-config", written) == 0
    assert list(read_config(written).model.losses) == ["kd"]


@pytest.fixture
def my_images(tmp_path):
    """Ten classes of two pictures in train and one in val, as the config for one's own images expects them."""
    random = np.random.default_rng(0)
    for split, count in (("train", 2), ("val", 1)):
        for label in range(10):
            folder = tmp_path / "images" / split / f"class{label}"
            folder.mkdir(parents=True)
            for index in range(count):
                picture = random.integers(256, size=(40, 50, 3), dtype=np.uint8)
                Image.fromarray(picture).save(folder / f"{index}.jpg")
    return tmp_path / "images"


def test_ones_own_images_are_distilled_on_and_scored(command, my_images, tmp_path, capfd):
    fast = [f"{part}_dataloader.num_workers=0" for part in ("train", "val", "test")]
    fast += ["train_dataloader.persistent_workers=False", "train_dataloader.batch_size=2", "train_cfg.max_iters=1"]
    fast += ["default_hooks.checkpoint.interval=1", "model.teachers.teacher.checkpoint=None"]
    config, data = CONFIGS / "kd_image_folder.py", ["--data-root", my_images]
    run = ["--no-pretrained", "--work-dir", tmp_path / "run", "--cfg-options", *fast]
    assert command("train", config, *data, *run) == 0
    assert command("test", config, tmp_path / "run" / "iter_1.pth", *data, "--device", "cpu") == 0
    assert "accuracy" in capfd.readouterr().out
