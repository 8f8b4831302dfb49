"""Whole runs of the engine: what they leave behind, and what they refuse."""

import os
import shutil

import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from small_runs import distiller, network, run_config, write_camvid

import common.engine  # noqa: F401
import tasks.seg  # noqa: F401
from common.checkpoint import load_strictly, read_checkpoint
from common.config import prepare_run, read_config
from common.errors import CheckpointError, ConfigError, DataError
from common.finite import NonFiniteLossError
from common.provenance import portable_path
from common.training import forget_pretrained, newest_checkpoint, set_data_root, train

number = iter(range(10**6))


@pytest.fixture
def run(tmp_path, small_camvid, small_teacher):
    """Trains a config with changes; the student's network by default."""

    def start(model=None, folder="run", resume=False, trust=False, changes=None, seed=0, **options):
        cfg = Config(run_config(small_camvid, model or network(), **options))
        cfg.experiment_name = f"test_training_{next(number)}"
        cfg.merge_from_dict(changes or {})
        return train(prepare_run(cfg, seed, str(tmp_path / folder)), resume, trust)

    return start


@pytest.fixture
def distilled(small_teacher):
    return lambda student=None, **losses: distiller(student or network(), *small_teacher, **losses)


def weights(runner_or_folder, name="iter_4.pth"):
    return torch.load(runner_or_folder / name, weights_only=False)["state_dict"]


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(found[key], value), key


def test_checkpoint_of_a_distillation_is_the_plain_student_with_its_provenance(run, distilled, tmp_path, small_teacher):
    runner = run(distilled(), iters=2)
    stored = read_checkpoint(tmp_path / "run" / "iter_2.pth")  # without unpickling anything
    with DefaultScope.overwrite_default_scope("mmseg"):
        plain = MODELS.build(network())
    plain.load_state_dict(stored["state_dict"], strict=True)
    assert stored["distill_state"].keys() == {
        "distill.terms.cwd.adapter.weight",
        "distill.terms.cwd.adapter.bias",
    }
    note = stored["distill"]
    assert note["seed"] == 0
    assert note["teachers"]["teacher"]["sha256"] == runner.model.teachers["teacher"].fingerprint()
    assert note["teachers"]["teacher"]["checkpoint"] == portable_path(small_teacher[1])  # no folders of the machine
    assert note["losses"]["cwd"].startswith("2 * CWDLoss(")
    assert len(note["commit"].removesuffix("-dirty")) in (0, 40)


def test_teacher_is_the_checkpoints_and_stays_so(run, distilled, small_teacher):
    runner = run(distilled(), iters=2)
    expected = torch.load(small_teacher[1], weights_only=True)["state_dict"]
    assert_equal(runner.model.teachers["teacher"].model.state_dict(), expected)


def test_student_starts_alike_with_and_without_distillation(run, distilled, tmp_path):
    still = {"optim_wrapper.optimizer.lr": 0.0, "model.student.decode_head.dropout_ratio": 0.0}
    run(folder="alone", iters=2, changes={"optim_wrapper.optimizer.lr": 0.0})
    run(distilled(), folder="distilled", iters=2, changes=still)
    alone, other = (weights(tmp_path / name, "iter_2.pth") for name in ("alone", "distilled"))
    trained = {k: v for k, v in alone.items() if "running" not in k and "num_batches" not in k}
    assert_equal({k: other[k] for k in trained}, trained)
    assert len({v.float().std().item() for v in trained.values() if v.dim() == 4}) > 5  # really random


@pytest.mark.parametrize("averaged", [False, True], ids=["plain", "ema"])
def test_resumed_run_ends_with_the_weights_and_adapters_of_an_undisturbed_one(run, distilled, tmp_path, averaged):
    hooks = {"custom_hooks": [{"type": "EMAHook"}]} if averaged else {}
    student = network(dropout=0.5)
    run(distilled(student), folder="whole", changes=hooks)
    shutil.copytree(tmp_path / "whole", tmp_path / "broken")
    (tmp_path / "broken" / "iter_4.pth").unlink()
    run(distilled(student), folder="broken", resume=True, changes=hooks, seed=0)
    whole, resumed = (read_checkpoint(tmp_path / name / "iter_4.pth") for name in ("whole", "broken"))
    keys = ["state_dict", "distill_state", *(["ema_state_dict"] if averaged else [])]
    for key in keys:
        assert_equal(resumed[key], whole[key])
    assert not any(name.startswith("distill.") for name in whole["state_dict"])


def test_averaged_student_is_plain_too(run, distilled, tmp_path):
    run(distilled(), iters=2, changes={"custom_hooks": [{"type": "EMAHook"}]})
    with DefaultScope.overwrite_default_scope("mmseg"):
        load_strictly(MODELS.build(network()), weights(tmp_path / "run", "iter_2.pth"), "run")


def test_resume_without_a_checkpoint_starts_anew(run, tmp_path):
    run(resume=True, iters=2)
    assert newest_checkpoint(tmp_path / "run").name == "iter_2.pth"


def test_second_run_in_a_used_folder_is_refused(run, tmp_path):
    run(iters=2)
    with pytest.raises(CheckpointError, match=r"already holds a run; go on with it \(--resume\), or name another"):
        run(iters=2)


def test_newest_checkpoint_is_the_highest_number(tmp_path):
    for name in ("iter_9.pth", "iter_10.pth", "best_mIoU_iter_11.pth", ".iter_12.pth.abc.tmp"):
        (tmp_path / name).touch()
    assert newest_checkpoint(tmp_path).name == "iter_10.pth"
    assert newest_checkpoint(tmp_path / "none") is None


def test_nan_stops_the_run_names_the_loss_and_saves_nothing(run, distilled, tmp_path):
    bad = {"kd": {"type": "KDLoss", "student": "logits", "teacher": "logits", "weight": float("inf")}}
    with pytest.raises(NonFiniteLossError, match=r"loss_kd became (inf|nan) at step 0"):
        run(distilled(**bad), interval=1)
    assert not list((tmp_path / "run").glob("*.pth"))


def test_diverging_student_stops_before_the_next_checkpoint(run, tmp_path):
    with pytest.raises(NonFiniteLossError, match=r"decode\.loss_ce became nan at step"):
        run(changes={"optim_wrapper.optimizer.lr": 1e30}, iters=6, interval=5)
    assert not list((tmp_path / "run").glob("*.pth"))


def test_killed_runs_leftovers_are_removed(run, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".iter_2.pth.x.tmp").touch()
    run(iters=2)
    assert not list((tmp_path / "run").glob(".*"))


class Opener:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("way", ["resume", "load_from"])
def test_checkpoint_with_code_in_it_does_not_run_it(run, tmp_path, way):
    bad, made = tmp_path / "run" / "iter_2.pth", tmp_path / "made"
    bad.parent.mkdir()
    torch.save({"state_dict": {}, "meta": {}, "hidden": Opener(made)}, bad)
    options = {"resume": True} if way == "resume" else {"folder": "other", "changes": {"load_from": str(bad)}}
    with pytest.raises(CheckpointError, match="could run code"):
        run(**options)
    assert not made.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model.backbone.dept": 18}, "ResNet has no key 'dept'; did you mean 'depth'"),
        ({"model.backbone.type": "ResNeXtt"}, "ResNeXtt is not in the .*model registry"),
        ({"optim_wrapper.optimizer.momentun": 0.9}, "SGD has no key 'momentun'; did you mean 'momentum'"),
        ({"optim_wrapper.optimizer.type": "SDG"}, "no optimizer 'SDG'; did you mean 'SGD'"),
        ({"train_dataloader.dataset.pipeline.0.type": "CheckedImag"}, "CheckedImag is not in the"),
        ({"train_cfg.max_iter": 3}, "IterBasedTrainLoop has no key 'max_iter'; did you mean 'max_iters'"),
        ({"param_scheduler.0.pwer": 1}, "param_scheduler of .* has no key 'pwer'; did you mean 'power'"),
        ({"val_evaluator.type": "IoU"}, "IoU is not in the"),
        ({"default_hooks.checkpoint.intervall": 3}, "unknown key 'intervall'; did you mean 'interval'"),
    ],
)
def test_mistake_anywhere_in_the_config_is_one_message(run, changes, message):
    with pytest.raises(ConfigError, match=message):
        run(changes=changes)


def test_data_errors_keep_their_own_words(run, tmp_path):
    with pytest.raises(DataError, match="expected a data folder but found none"):
        run(changes={"train_dataloader.dataset.data_root": str(tmp_path / "nowhere")})


def test_unreadable_picture_met_by_a_worker_names_the_file(run, tmp_path):
    root = write_camvid(tmp_path / "data")
    for image in (root / "train").iterdir():
        image.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"expected a picture but found an unreadable file .*train/00\d\.png"):
        run(changes={"train_dataloader.dataset.data_root": str(root)}, workers=1)


def test_data_root_is_set_in_nested_datasets():
    cfg = Config({"a": {"dataset": {"datasets": [{"data_root": "x"}, {"data_root": "y"}]}}, "data_root": "z"})
    set_data_root(cfg._cfg_dict, "new")
    assert [d.data_root for d in cfg.a.dataset.datasets] == ["new", "new"]


@pytest.fixture
def with_files():
    """Loaders with two data folders, and evaluators with the given files."""

    def make(val, test):
        datasets = [{"data_root": "data/coco/"}, {"data_root": "data/coco/extra"}, {"data_root": ""}]
        loader = {"dataset": {"type": "ConcatDataset", "datasets": datasets}}
        return Config({"train_dataloader": loader, "val_evaluator": val, "test_evaluator": test})

    return make


@pytest.mark.parametrize("root", ["new", "data/coco/new"])
def test_files_of_evaluators_follow_the_data(with_files, root):
    scores = {"type": "CocoMetric", "ann_file": "data/coco/annotations/val.json"}
    cfg = with_files(scores, [{"type": "IoU"}, {**scores, "ann_file": "data/coco/extra/test.json"}])
    set_data_root(cfg, root)
    assert cfg.val_evaluator.ann_file == f"{root}/annotations/val.json"
    assert cfg.test_evaluator == [{"type": "IoU"}, {**scores, "ann_file": f"{root}/test.json"}]


@pytest.mark.parametrize("file", ["elsewhere/val.json", "data/coco2/val.json", "/data/coco/val.json", None])
def test_files_of_evaluators_that_lie_elsewhere_stay(with_files, file):
    cfg = with_files({"ann_file": file}, {"ann_file": file})
    set_data_root(cfg, "new")
    assert (cfg.val_evaluator.ann_file, cfg.test_evaluator.ann_file) == (file, file)


def test_evaluator_of_a_published_row_reads_the_folder_of_its_data():
    cfg = read_config(ROOT / "configs/det/student_retinanet_r50_coco.py")
    assert cfg.val_evaluator.ann_file == "data/coco/annotations/instances_val2017.json"
    set_data_root(cfg, "/mnt/coco")
    dataset = cfg.val_dataloader.dataset
    assert cfg.val_evaluator.ann_file == cfg.test_evaluator.ann_file == f"{dataset.data_root}/{dataset.ann_file}"
    assert dataset.data_root == "/mnt/coco"


def test_a_data_folder_for_a_config_without_data_is_refused():
    with pytest.raises(ConfigError, match="--data-root: expected datasets with a data_root but found none"):
        set_data_root(Config({"val_evaluator": {"ann_file": "a.json"}}), "new")


def test_networks_can_start_without_pretrained_weights():
    cfg = Config({"model": {"pretrained": "x", "backbone": {"init_cfg": {"type": "Pretrained", "checkpoint": "x"}}}})
    forget_pretrained(cfg)
    assert cfg.model.pretrained is None
    assert cfg.model.backbone.init_cfg is None


def test_teachers_score_is_shown_before_training(run, distilled, caplog):
    runner = run(distilled(), iters=2, changes={"custom_hooks": [{"type": "TeacherCheckHook"}], "log_level": "INFO"})
    log = next(os.path.join(runner.log_dir, name) for name in os.listdir(runner.log_dir) if name.endswith(".log"))
    with open(log) as file:
        text = file.read()
    assert "teacher 'teacher' on 2 validation samples: aAcc" in text
