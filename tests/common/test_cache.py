"""Stored teacher outputs: the same losses for the cost of a look-up, and nothing out of date."""

import functools
import hashlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS
from ranks import on_two_ranks
from torch import nn
from torch.utils.data import Dataset
from toys import set_iteration

import common.cache
import common.classification.model
import common.engine
from common.cache import CachedTeacher, _by_main_process, cached_teacher
from common.classification.model import class_sample
from common.config import prepare_run
from common.distiller import Distiller
from common.errors import CheckpointError, ConfigError, DataError
from common.hooks import TeacherCheckHook
from common.sample_batch import join_samples
from common.teacher import FrozenTeacher


@DATASETS.register_module(force=True)
class Noise(Dataset):
    """Images of noise in three classes."""

    deterministic = True
    metainfo = {"classes": tuple("abc")}  # noqa: RUF012

    def __init__(self, seed=0, count=40):
        self.images = torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))

    @property
    def fingerprint(self):
        return hashlib.sha256(self.images.numpy().tobytes()).hexdigest()

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return {"inputs": self.images[index], "data_samples": class_sample(index % 3, index)}


@MODELS.register_module(force=True)
class Scaled(nn.Module):
    """A linear network; ``scale`` is in none of its weights. Counts the samples it is asked about."""

    asked = 0

    def __init__(self, scale=1.0, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
            self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 3))
        self.maps = nn.Conv2d(1, 2, 3)
        self.scale = scale

    def forward(self, images):
        Scaled.asked += len(images)
        self.maps(images)
        return self.head(self.scale * self.body(images))


LOGITS = {"kd": {"type": "kd_loss", "student": "logits", "teacher": "logits"}}
VECTORS = {**LOGITS, "fit": {"type": "fitnet_loss", "student": "student.logits", "teacher": "teacher.vector"}}
MAPS = {"at": {"type": "at_loss", "student": "maps", "teacher": "maps"}}


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Builds a distiller, by default with stored outputs; the teacher is asked in batches of 16."""
    monkeypatch.setattr("common.cache.BATCH", 16)

    def make(cache=True, losses=LOGITS, data=None, network=None, student=None, teacher=None):
        set_iteration(0)
        torch.manual_seed(3)
        taught = {"type": "Classifier", "network": {"type": "Scaled", **(network or {})}, **(teacher or {})}
        folder = {"folder": tmp_path / "cache", "dataset": {"type": "Noise"} if data is None else data}
        return Distiller(
            student={"type": "Classifier", "network": {"type": "SmallCNN", "num_classes": 3}, **(student or {})},
            teachers={
                "teacher": {
                    "model": taught,
                    "checkpoint": None,
                    "cache": folder if cache is True else cache,
                }
            },
            taps={
                "logits": "network",
                "vector": {"teacher": "network.body"},
                "maps": {"student": "network.stages.0", "teacher": "network.maps"},
            },
            losses=losses,
            example={"type": "ClassExample", "shape": (1, 8, 8)},
        )

    return make


def batch(model, chosen=(3, 17, 39), data=None):
    data = data or Noise()
    return model.data_preprocessor(join_samples([data[index] for index in chosen]), True)


def losses_of(model, **options):
    set_iteration(0)
    return model.eval()(**batch(model, **options), mode="loss")


@pytest.mark.parametrize("losses", [LOGITS, VECTORS])
def test_losses_are_those_of_the_teacher_itself_but_for_the_rounding_to_half(make, losses):
    expected, found = losses_of(make(cache=None, losses=losses)), losses_of(make(losses=losses))
    assert found.keys() == expected.keys()
    assert found["loss_kd"] > 0
    torch.testing.assert_close(found, expected, rtol=2e-3, atol=1e-5)


def test_samples_as_the_engine_collates_them_are_looked_up_too(make):
    model = make()
    data = batch(model)
    listed = model(data["inputs"], list(data["data_samples"]), mode="loss")
    torch.testing.assert_close(listed, model(**data, mode="loss"))


def test_teacher_is_asked_once_for_all_runs_and_not_while_training(make):
    Scaled.asked = 0
    model = make()
    assert Scaled.asked == 32 + 40  # what is checked at every start, and all
    losses_of(model)
    assert Scaled.asked == 72
    make()
    assert Scaled.asked == 72 + 32


def test_runs_that_start_together_ask_the_teacher_once(tmp_path, monkeypatch):
    """The second waits for the first, and then asks only what is checked at every start."""
    monkeypatch.setattr("common.cache.BATCH", 16)
    model = MODELS.build({"type": "Classifier", "network": {"type": "Scaled"}})
    teacher, settings = FrozenTeacher(model), {"folder": tmp_path, "dataset": Noise()}
    real = common.cache._store_alone
    monkeypatch.setattr("common.cache._store_alone", lambda *given: (time.sleep(0.3), real(*given)))
    Scaled.asked = 0
    with ThreadPoolExecutor(2) as runs:
        list(runs.map(lambda _: cached_teacher(teacher, settings, ["network"], model.data_preprocessor), range(2)))
    assert Scaled.asked == 32 + 40 + 32


@pytest.mark.parametrize("change", [{"network": {"seed": 1}}, {"data": Noise(seed=1)}, {"network": {"scale": 2.0}}])
def test_other_weights_data_or_settings_are_noticed(make, change):
    """A scale that is in no weight changes neither checkpoint nor data."""
    make()
    data = change.get("data")
    found = losses_of(make(**change), data=data)
    torch.testing.assert_close(found, losses_of(make(cache=None, **change), data=data), rtol=2e-3, atol=1e-5)


def test_other_weights_and_data_have_files_of_their_own(make, tmp_path):
    for change in ({}, {"network": {"seed": 1}}, {"data": Noise(seed=1)}, {"data": Noise(count=39)}):
        make(**change)
    assert len(list((tmp_path / "cache").glob("*.h5"))) == 4


@pytest.mark.parametrize("damage", [lambda data: data[:500], lambda data: b""])
def test_damaged_file_is_made_again(make, tmp_path, damage):
    expected = losses_of(make())
    (file,) = (tmp_path / "cache").glob("*.h5")
    file.write_bytes(damage(file.read_bytes()))
    torch.testing.assert_close(losses_of(make()), expected)


def test_what_is_drawn_next_does_not_depend_on_the_file(make):
    losses = {**LOGITS, "fit": {**VECTORS["fit"], "adapter": "linear"}}
    first, second = make(losses=losses), make(losses=losses)
    assert any("adapter" in name for name, _ in first.named_parameters())
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)


def test_stand_in_keeps_the_teachers_fingerprint_and_has_no_weights(make):
    model = make()
    assert isinstance(model.teachers["teacher"], CachedTeacher)
    assert model.teachers["teacher"].fingerprint() == make(cache=None).teachers["teacher"].fingerprint()
    assert list(model.teachers["teacher"].model.parameters()) == []
    assert model.state_dict().keys() == make(cache=None).state_dict().keys()


def test_teacher_with_its_own_normalisation_is_asked_through_it(make):
    change = {
        "student": {"data_preprocessor": {"type": "ImgDataPreprocessor", "mean": [0.5], "std": [2.0]}},
        "teacher": {"data_preprocessor": {"type": "ImgDataPreprocessor", "mean": [-1.0], "std": [0.5]}},
    }
    torch.testing.assert_close(losses_of(make(**change)), losses_of(make(cache=None, **change)), rtol=2e-3, atol=1e-5)


@MODELS.register_module(force=True)
class Noisy(nn.Module):
    def forward(self, images):
        return images + torch.randn_like(images)


class Random(Noise):
    deterministic = False


class Nameless(Noise):
    fingerprint = property()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"student": {"data_preprocessor": {"type": "TensorPreprocessor", "augment": {"type": "Noisy"}}}},
            r"cache=None\): expected data without random views but found augment in the preprocessor",
        ),
        ({"data": Random()}, r"teacher 'teacher': leave its cache out .* never change .* but found Random"),
        ({"data": Nameless()}, r"what they are \(fingerprint\) but found Nameless"),
        (
            {"losses": {**LOGITS, **MAPS}},
            r"a vector for each sample .* at tap path 'network.maps' but found \(16",
        ),
        ({"cache": "data/cache"}, r"cache='FOLDER' in a config that goes through .* but found 'data/cache'"),
    ],
)
def test_what_would_be_out_of_date_or_too_large_is_refused(make, change, message):
    with pytest.raises(ConfigError, match=message):
        make(**change)


def test_teacher_whose_outputs_depend_on_the_batch_is_refused(make, monkeypatch):
    build = functools.partial(_build_in_train_mode, Distiller.__init__.__globals__["build_teacher"])
    monkeypatch.setitem(Distiller.__init__.__globals__, "build_teacher", build)
    with pytest.raises(ConfigError, match="expected a teacher whose outputs depend on the sample alone"):
        make()


def _build_in_train_mode(build, name, cfg, student):
    """As mode='train_bn' leaves a teacher that has batch norm."""
    teacher = build(name, cfg, student)
    teacher.model.train()
    return teacher


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_outputs_that_are_not_finite_are_refused_and_not_stored(make, tmp_path, bad):
    data = Noise()
    data.images[4] = bad  # not among the 32 of 40 that are looked at first
    with pytest.raises(CheckpointError, match=r"teacher 'teacher': .* at tap path 'network' .* for sample 4 of the"):
        make(data=data)
    assert not list(tmp_path.glob("cache/*.h5"))


def test_outputs_beyond_half_precision_are_cut_and_not_refused(make, tmp_path):
    make(network={"scale": 1e9})
    (file,) = (tmp_path / "cache").glob("*.h5")
    with h5py.File(file) as stored:
        assert abs(stored["outputs"][:]).max() == 65504


@pytest.mark.parametrize("count", [33, 39, 41])
def test_stored_outputs_of_another_number_of_samples_are_refused(make, tmp_path, count):
    make()
    (file,) = (tmp_path / "cache").glob("*.h5")
    with h5py.File(file, "a") as stored:
        rows = np.resize(stored["outputs"][:], (count, 3))
        del stored["outputs"]
        stored["outputs"] = rows
    with pytest.raises(DataError, match=rf"for 40 samples in .*teacher_outputs_.*\.h5 but found {count}: .* delete"):
        make()


@pytest.mark.parametrize("change", [lambda rows: np.where(np.arange(40)[:, None] == 4, np.nan, rows), np.ravel])
def test_stored_outputs_that_make_no_sense_are_made_again(make, tmp_path, change):
    expected = losses_of(make(), chosen=(4, 8))
    (file,) = (tmp_path / "cache").glob("*.h5")
    with h5py.File(file, "a") as stored:
        rows = change(stored["outputs"][:])
        del stored["outputs"]
        stored["outputs"] = rows
    torch.testing.assert_close(losses_of(make(), chosen=(4, 8)), expected)


def test_folder_that_can_not_be_written_to_is_named(make, tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(DataError, match=r"write the teacher's outputs to .*cache.* name another folder \(cache=…\)"):
        make()


def test_run_of_a_config_stores_outputs_for_its_training_data(tmp_path):
    loader = {"sampler": {"type": "InfiniteSampler"}, "dataset": {"type": "Noise", "seed": 5}}
    teachers = {"one": {"cache": "folder"}, "two": {"cache": None}, "three": {}}
    cfg = prepare_run(Config({"train_dataloader": loader, "model": {"type": "Distiller", "teachers": teachers}}))
    assert cfg.model.teachers.one.cache == {"folder": "folder", "dataset": {"type": "Noise", "seed": 5}}
    assert cfg.model.teachers.two.cache is None
    assert "cache" not in cfg.model.teachers.three
    assert cfg.train_dataloader.dataset.type == "SeededDataset"


def test_check_before_training_leaves_out_a_teacher_that_is_not_there(make, caplog):
    logger = logging.getLogger("test")
    runner = SimpleNamespace(model=make(), val_loop=SimpleNamespace(dataloader=[]), logger=logger)
    with caplog.at_level(logging.INFO, "test"):
        TeacherCheckHook().before_train(runner)
    assert "teacher 'teacher': its outputs for the training data are stored, and not checked" in caplog.text


def refused_in_both(rank, folder):
    """What each of two processes is told where the main one cannot write."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    Path(folder, "cache").write_text("")
    settings = {"folder": Path(folder, "cache"), "dataset": Noise()}
    teacher = FrozenTeacher(common.classification.model.Classifier(model), "teacher")
    try:
        cached_teacher(teacher, settings, ["network"], common.classification.model.TensorPreprocessor())
    except DataError as error:
        return str(error)


def test_what_fails_in_the_main_process_is_told_in_the_others_too(tmp_path):
    found = on_two_ranks(refused_in_both, tmp_path, str(tmp_path))
    assert found[0] == found[1]
    assert "write the teacher's outputs to" in found[0]


def broken_in_both(rank):
    def fail():
        raise ZeroDivisionError(rank)

    try:
        _by_main_process(fail)
    except (ZeroDivisionError, RuntimeError) as error:
        return repr(error)


def test_other_errors_of_the_main_process_are_told_by_name(tmp_path):
    found = on_two_ranks(broken_in_both, tmp_path)
    assert found == ["ZeroDivisionError(0)", "RuntimeError('the main process failed: ZeroDivisionError(0)')"]
