"""What a teacher's config says about weights and preprocessing is what the teacher has."""

from urllib.error import URLError

import pytest
import torch
import torchvision
from mmengine.config import Config
from mmengine.model import BaseDataPreprocessor, ImgDataPreprocessor
from mmengine.registry import MODELS
from torch import nn

import common.classification
import common.engine  # noqa: F401
from common.classification.model import TensorPreprocessor
from common.config import prepare_run
from common.errors import CheckpointError, ConfigError
from common.teacher_config import build_teacher, input_conversion
from common.training import build_runner, forget_pretrained

FETCHED = 0.125


@MODELS.register_module(force=True)
class PublishedNetwork(nn.Module):
    """Stands for a library's network: its weights are 0.125 where they were asked for."""

    def __init__(self, pretrained=False, weights=None):
        super().__init__()
        self.fc = nn.Linear(2, 3)
        if pretrained or weights:
            nn.init.constant_(self.fc.weight, FETCHED)

    def forward(self, inputs):
        return self.fc(inputs)


def published(**options):
    return {"type": "Classifier", "network": {"type": "PublishedNetwork", **options}}


def fetched(teacher):
    return bool((teacher.model.network.fc.weight == FETCHED).all())


ASKED = [{"pretrained": True}, {"weights": "IMAGENET1K_V1"}]


@pytest.mark.parametrize("asked", ASKED)
def test_a_teacher_without_checkpoint_has_the_published_weights_that_its_config_names(asked):
    assert fetched(build_teacher("teacher", {"model": published(**asked), "checkpoint": None}))


def test_a_teacher_without_checkpoint_has_the_weights_of_its_init_cfg(tmp_path):
    model = MODELS.build(published(pretrained=True))
    torch.save({"state_dict": model.state_dict()}, tmp_path / "x.pth")
    init_cfg = {"type": "Pretrained", "checkpoint": str(tmp_path / "x.pth")}
    assert fetched(build_teacher("teacher", {"model": {**published(), "init_cfg": init_cfg}, "checkpoint": None}))


@pytest.mark.parametrize("asked", ASKED)
def test_a_teacher_with_a_checkpoint_fetches_nothing_else(asked, tmp_path, monkeypatch):
    torch.save({"state_dict": MODELS.build(published()).state_dict()}, tmp_path / "x.pth")
    monkeypatch.setattr(nn.init, "constant_", lambda *_: pytest.fail("fetched"))
    build_teacher("teacher", {"model": published(**asked), "checkpoint": str(tmp_path / "x.pth")})


def test_checkpoints_beside_the_missing_one_of_a_teacher_are_named(tmp_path):
    (tmp_path / "teacher.py").write_text(f"model = {published()!r}")
    (tmp_path / "iter_4000.pth").touch()
    cfg = {"config": str(tmp_path / "teacher.py"), "checkpoint": str(tmp_path / "iter_8000.pth")}
    said = r"iter_8000\.pth but found none; beside it are iter_4000\.pth; train it .*, or name another \(--cfg-options"
    with pytest.raises(CheckpointError, match=said):
        build_teacher("teacher", cfg)


@pytest.mark.parametrize("asked", ASKED)
def test_no_pretrained_stops_a_teacher_from_fetching_too(asked, tmp_path):
    (tmp_path / "teacher.py").write_text(f"model = {published(**asked)}")
    teachers = {
        "here": {"model": published(**asked), "checkpoint": None},
        "elsewhere": {"config": str(tmp_path / "teacher.py"), "checkpoint": None},
    }
    cfg = Config({"model": {"type": "Distiller", "student": published(**asked), "teachers": teachers}})
    forget_pretrained(cfg)
    assert not any(fetched(build_teacher(name, teacher)) for name, teacher in cfg.model.teachers.items())


def test_weights_that_cannot_be_fetched_are_one_message(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(torchvision.models, "get_model", unreachable)
    network = {"type": "torchvision_network", "name": "resnet18", "weights": "IMAGENET1K_V1"}
    (tmp_path / "x.py").write_text(f"model = dict(type='Classifier', network={network})")
    cfg = prepare_run(Config.fromfile(tmp_path / "x.py"), work_dir=str(tmp_path))
    with pytest.raises(CheckpointError, match=r"cannot fetch .*x\.py names: no route to host; .*--no-pretrained"):
        build_runner(cfg)


def test_timms_weights_that_cannot_be_fetched_are_one_message(monkeypatch):
    def unreachable(*_, **__):
        raise FileNotFoundError("check your connection")  # what huggingface_hub raises is one

    monkeypatch.setattr("timm.create_model", unreachable)
    with pytest.raises(CheckpointError, match=r"weights of timm's resnet18: check your connection; .*--no-pretrained"):
        MODELS.build({"type": "timm_network", "name": "resnet18", "pretrained": True})


def test_a_students_published_weights_outlive_the_engines_initialisation():
    """The engine calls `init_weights` of whatever has it, as timm's networks do."""

    class Network(nn.Linear):
        def init_weights(self):
            nn.init.zeros_(self.weight)

    model = MODELS.build({"type": "Classifier", "network": Network(2, 3)})
    before = model.network.weight.detach().clone()
    model.init_weights()
    assert model.network.weight.equal(before)


def normalising(mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 5.0), **options):
    return ImgDataPreprocessor(mean=mean, std=std, **options)


@pytest.mark.parametrize("plain", [TensorPreprocessor, BaseDataPreprocessor])
def test_images_that_went_through_as_they_were_are_normalised_for_the_teacher_and_back(plain):
    images = 255 * torch.rand(2, 3, 4, 4)
    normalised = (images - torch.tensor([10.0, 20, 30]).view(3, 1, 1)) / torch.tensor([2.0, 4, 5]).view(3, 1, 1)
    torch.testing.assert_close(input_conversion(plain(), normalising())(images), normalised)
    torch.testing.assert_close(input_conversion(normalising(), plain())(normalised), images)


def test_inputs_of_any_shape_go_through_where_neither_normalises():
    assert input_conversion(TensorPreprocessor(), TensorPreprocessor()) is None
    assert input_conversion(TensorPreprocessor(), BaseDataPreprocessor()) is None


class OwnPreprocessor(BaseDataPreprocessor):
    pass


def test_preprocessors_of_one_unknown_kind_are_taken_to_agree():
    assert input_conversion(OwnPreprocessor(), OwnPreprocessor()) is None


@pytest.mark.parametrize("other", [normalising, TensorPreprocessor, nn.Identity])
def test_an_unknown_preprocessor_beside_another_kind_is_refused(other):
    with pytest.raises(ConfigError, match=f"expected .* but found OwnPreprocessor and {type(other()).__name__}"):
        input_conversion(OwnPreprocessor(), other())
