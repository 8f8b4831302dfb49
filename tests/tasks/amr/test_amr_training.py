"""From a generated pickle to a scored student, by the command lines."""

import json
import re
import runpy

import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.logging import MMLogger

from common.checkpoint import read_checkpoint
from common.config import read_config
from common.errors import DataError
from data_prep.amr.generate import generate
from data_prep.amr.recipe import Extent, make_recipe
from tasks.amr.entry import check_data, score
from tasks.amr.leakage import check_training
from tasks.amr.recogniser import load_onnx

MODS = ("BPSK", "GFSK", "AM-DSB")
SNRS = (-20, 10)
DATA = f"""
_data = dict(type="SignalDataset", data_root="data", ann_file="tiny.pkl", mods={MODS}, split="50/25/25")
train_dataloader = dict(batch_size=12, dataset=dict(_delete_=True, **_data, part="train"))
val_dataloader = dict(dataset=dict(_delete_=True, **_data, part="val"))
test_dataloader = dict(dataset=dict(_delete_=True, **_data, part="test"))
train_cfg = dict(max_iters=4, val_interval=4)
param_scheduler = []
"""


@pytest.fixture(scope="module")
def pickled(tmp_path_factory):
    """Three modulations at two SNRs, eight frames of 32 samples each, in RadioML's layout."""
    path = tmp_path_factory.mktemp("generated") / "tiny.pkl"
    generate(path, make_recipe("clean", length=32), Extent(MODS, SNRS, 8), workers=1)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch, pickled):
    """A working directory with the data and configs of a teacher and of students, small versions of the suite's."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tiny.pkl").symlink_to(pickled)
    taught = dict(config="teacher.py", checkpoint="runs/teacher/iter_4.pth")
    small = {
        "teacher": ("clst_xs", "network=dict(num_classes=3, length=32, dims=(8, 8, 16), depths=(1, 1, 1))"),
        "student": ("kdcnn", "network=dict(num_classes=3, length=32, widths=(8, 8), kernels=(3, 3))"),
    }
    for name, (config, change) in small.items():
        write(tmp_path / f"{name}.py", f"{config}_generated", DATA + f"model = dict({change})\n")
    student = "student=dict(network=dict(num_classes=3, length=32, widths=(8, 8), kernels=(3, 3)))"
    for method in ("skd", "skd_snr", "skd_feature"):
        change = f"model = dict({student}, teachers=dict(teacher=dict({described(taught)})))\n"
        write(tmp_path / f"{method}.py", f"{method}_kdcnn_generated", DATA + change)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def described(entries):
    return ", ".join(f"{key}={value!r}" for key, value in entries.items())


def write(path, base, text):
    path.write_text(f"_base_ = {str(ROOT / 'configs' / 'amr' / base)!r} + '.py'\n{text}".replace("' + '", ""))


@pytest.fixture
def run(capfd):
    """Runs a command line in this process: exit status, what it printed, what it complained of."""

    def run(tool, *arguments):
        MMLogger._instance_dict.clear()  # loggers of earlier runs write to streams that are closed
        status = runpy.run_path(str(ROOT / "tools" / f"{tool}.py"))["main"]([str(argument) for argument in arguments])
        return status, *capfd.readouterr()

    return run


def trained(run, name, *options):
    status, out, err = run("train", f"{name}.py", "--work-dir", f"runs/{name}", *options)
    assert status == 0, err
    return out


def test_teacher_then_students_from_its_stored_scores(folder, run):
    trained(run, "teacher")
    (converted,) = (folder / "data" / "cache").iterdir()
    assert converted.name.startswith("tiny.pkl-")
    out = trained(run, "skd")
    assert "asking teacher 'teacher' about 24 samples, once" in out
    assert "student.logits" in out
    assert len(list((folder / "data" / "cache").glob("teacher_outputs_*.h5"))) == 1
    out = trained(run, "skd_snr")
    assert "asking teacher" not in out  # another method, the same scores
    trained(run, "skd_feature")

    stored = read_checkpoint("runs/skd/iter_4.pth")
    teacher = read_checkpoint("runs/teacher/iter_4.pth")
    assert stored["meta"]["dataset_meta"]["split"] == teacher["meta"]["dataset_meta"]["split"]
    assert stored["meta"]["dataset_meta"]["classes"] == MODS
    assert list(stored["distill"]["losses"]) == ["kd"]
    assert len(stored["distill"]["teachers"]["teacher"]["sha256"]) == 64

    status, out, err = run("test", "skd.py", "runs/skd/iter_4.pth", "--device", "cpu", "--out", "scores.json")
    assert status == 0, err
    scores = json.loads((folder / "scores.json").read_text())["scores"]
    assert scores.keys() >= {"accuracy", "macro_f1", "peak", "peak_snr", "accuracy_at_-20dB", "accuracy_at_10dB"}
    assert scores["accuracy"] == pytest.approx((scores["accuracy_below_0dB"] + scores["accuracy_from_0dB"]) / 2)
    assert scores["parameters"] == (2 * 8 * 3 + 16) + (8 * 8 * 3 + 16) + (8 * 3 + 3)


def test_exported_network_tells_the_rates_of_the_pickle_that_trained_it(folder, run):
    trained(run, "student")
    files = ("student.py", "runs/student/iter_4.pth", "--out", "student.pth", "--onnx", "student.onnx")
    status, _, err = run("export", *files)
    assert status == 0, err
    info = load_onnx("student.onnx").info
    assert (info.sample_rate, info.samples_per_symbol) == (200e3, (8, 8))


def test_without_validation_frames_the_way_that_is_named_trains(folder, run):
    split = [f"{part}_dataloader.dataset.split=75/0/25" for part in ("train", "val")]
    status, _, err = run("train", "student.py", "--cfg-options", *split)
    assert status == 2
    assert "'75/0/25' divides" in err
    named = err[err.index("(--cfg-options") + 1 : err.rindex(")")].split()
    assert len(named) == 4
    trained(run, "student", *named, split[0])


def test_any_pair_distils_by_the_name_of_a_method(folder, run):
    trained(run, "teacher")
    status, _, err = run(
        "train", "student.py", "--teacher", "teacher.py", "runs/teacher/iter_4.pth", "--method", "skd_attention"
    )
    assert status == 0, err
    stored = read_checkpoint("work_dirs/student_skd_attention/iter_4.pth")
    assert list(stored["distill"]["losses"]) == ["kd", "attention"]


def test_stored_scores_are_refused_for_augmented_frames(folder, run):
    trained(run, "teacher")
    augment = "model.student.data_preprocessor.augment.type=IQAugment"
    status, _, err = run("train", "skd.py", "--work-dir", "runs/refused", "--cfg-options", augment)
    assert status == 2
    assert "cache=None): expected data without random views but found augment in the preprocessor" in err
    trained(run, "skd", "--cfg-options", augment, "model.teachers.teacher.cache=None")


def test_resumed_run_with_augmentation_ends_as_an_undisturbed_one(folder, run):
    augment = "model.data_preprocessor.augment.type=IQAugment"
    each = [
        "--cfg-options",
        augment,
        "default_hooks.checkpoint.interval=2",
        "default_hooks.checkpoint.max_keep_ckpts=2",
    ]
    trained(run, "student", *each)
    (folder / "runs" / "again").mkdir()
    (folder / "runs" / "student" / "iter_2.pth").rename(folder / "runs" / "again" / "iter_2.pth")
    status, _, err = run("train", "student.py", "--work-dir", "runs/again", "--resume", *each)
    assert status == 0, err
    first, again = (read_checkpoint(f"runs/{name}/iter_4.pth")["state_dict"] for name in ("student", "again"))
    for key, value in first.items():
        assert torch.equal(value, again[key]), key


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            {"model.network.num_classes": 11},
            r"a network for 3 classes and 32 samples .* in .*tiny\.pkl.*, but that of student\.py has num_classes=11; "
            r"set it \(--cfg-options model\.network\.num_classes=3\)",
        ),
        ({"model.network.length": 128}, r"has length=128; set it \(--cfg-options model\.network\.length=32\)"),
        ({"train_dataloader.dataset.part": None}, "'test' or 'all' for SignalDataset but found none"),
        ({"train_dataloader.dataset.type": "SignalDatset"}, "no data set 'SignalDatset'; did you mean 'SignalDataset'"),
        ({"train_dataloader.dataset.modes": ["BPSK"]}, "SignalDataset has no key 'modes'; did you mean 'mods'"),
        ({"val_dataloader.dataset.snrs": [3]}, "no frames at 3 dB"),
    ],
)
def test_data_that_does_not_fit_the_network_is_said_before_training(folder, option, message):
    with pytest.raises(Exception, match=message):
        check_data(read_config("student.py", option))


def test_what_would_make_scores_too_good_is_said_before_training(folder, monkeypatch):
    said = []
    monkeypatch.setattr("tasks.amr.entry.print_log", lambda text, *_: said.append(text))
    check_data(read_config("student.py"))
    assert said == []
    generate(folder / "more.h5", make_recipe("clean", length=32), Extent(MODS, SNRS, 16), workers=1)
    changes = {"test_dataloader.dataset.data_root": "more.h5", "test_dataloader.dataset.ann_file": ""}
    check_data(read_config("student.py", changes))
    (warning,) = said
    assert re.match(r"\d+ of 24 frames of the test data, more\.h5, are frames that train", warning)


def test_weights_by_snr_that_are_all_alike_are_said_before_training(folder, monkeypatch):
    said = []
    monkeypatch.setattr("tasks.amr.entry.print_log", lambda text, *_: said.append(text))
    check_data(read_config("skd_snr.py"))
    check_data(read_config("skd.py", {"train_dataloader.dataset.snrs": [10]}))
    assert said == []
    check_data(read_config("skd_snr.py", {"train_dataloader.dataset.snrs": [10]}))
    assert "loss 'kd' weighs all frames alike: labels are 10 to 10 dB" in said[0]


def checkpoint_of(dataset, **changes):
    return {"meta": {"dataset_meta": {**dataset.metainfo, **changes}}}


def test_checkpoint_of_another_split_or_other_classes_is_not_scored(folder):
    from mmengine.registry import DATASETS

    test = DATASETS.build(read_config("student.py").test_dataloader.dataset)
    check_training(checkpoint_of(test), test, "a.pth")
    check_training({}, test, "a.pth")
    check_training({"meta": {"dataset_meta": {"classes": MODS}}}, test, "a.pth")
    other = DATASETS.build(Config({**read_config("student.py").test_dataloader.dataset, "split": "60/20/20"})._cfg_dict)
    with pytest.raises(
        DataError, match=r"split '60/20/20' of seed 2016, which a\.pth was trained with, but found '50/25"
    ):
        check_training(checkpoint_of(other), test, "a.pth")
    with pytest.raises(DataError, match=r"classes that a\.pth was trained on, GFSK, BPSK, .* but found BPSK, GFSK"):
        check_training(checkpoint_of(test, classes=("GFSK", "BPSK", "AM-DSB")), test, "a.pth")


def test_score_can_be_had_on_another_folder_and_split(folder, run):
    trained(run, "student")
    (folder / "data").rename(folder / "moved")
    scores = score("student.py", "runs/student/iter_4.pth", "val", "moved", "cpu")
    assert 0 <= scores["accuracy"] <= 100
    other = {"val_dataloader.dataset.split": "60/20/20"}
    with pytest.raises(DataError, match=r"which runs/student/iter_4\.pth was trained with, but found '60/20/20'"):
        score("student.py", "runs/student/iter_4.pth", "val", "moved", "cpu", other)


def test_teacher_of_another_class_order_or_split_does_not_teach(folder):
    """What it says of class 1 would be learnt as class 0, or it has seen the student's test frames."""
    from mmengine.registry import DATASETS

    cfg = read_config("skd.py")
    data = DATASETS.build(cfg.train_dataloader.dataset)
    other_split = DATASETS.build({**cfg.train_dataloader.dataset.to_dict(), "split": "60/20/20"})
    for told, message in (
        (checkpoint_of(data, classes=("GFSK", "BPSK", "AM-DSB")), r"trained on, GFSK, BPSK, .* but found BPSK, GFSK"),
        (checkpoint_of(other_split), r"split '60/20/20' of seed 2016, which .*teacher\.pth was trained with"),
    ):
        torch.save(told, "teacher.pth")
        cfg.model.teachers.teacher.checkpoint = "teacher.pth"
        with pytest.raises(DataError, match=message):
            check_data(cfg)
    torch.save(checkpoint_of(data), "teacher.pth")
    check_data(cfg)
