"""Runs of the command in which a student starts from the one trained alone."""

import hashlib
import pathlib
import runpy

import pytest
import torch
from conftest import ROOT
from mmengine.logging import MMLogger
from small_faces import COUNTS, write_faces

from common.config import read_config
from common.provenance import portable_path
from tasks.landmarks.model import LandmarkModel
from tasks.landmarks.networks import PointRegressor

# A learning rate of 0 leaves every weight where it starts.
CONFIG = """
_base_ = {runtime!r}
_faces = dict(type='PTSFaces', data_root={root!r}, scheme=None, size=32)
_network = dict(type='PointRegressor', backbone='mobilenet_v2', num_points=5, options=dict(width_mult=0.1))
train_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(part='train', **_faces),
    sampler=dict(type='InfiniteSampler'), collate_fn=dict(type='join_samples'))
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.0))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1, val_interval=9)
val_cfg = None
test_cfg = None
val_evaluator = None
test_evaluator = None
custom_hooks = [dict(type='MeanFaceHook')]
model = dict(
    type='Distiller',
    student=dict(type='LandmarkModel', network=_network),
    teachers=dict(teacher=dict(model=dict(type='LandmarkModel', network=_network), checkpoint=None)),
    taps=dict(points='network'),
    losses=dict(output=dict(type='fitnet_loss', student='points', teacher='points', adapter=None)),
    example=dict(type='FaceExample'),
    start={start!r})
"""


@pytest.fixture
def student(tmp_path):
    """What a run of the student alone left."""
    torch.manual_seed(3)
    weights = LandmarkModel(PointRegressor("mobilenet_v2", 5, options={"width_mult": 0.1})).state_dict()
    torch.save({"state_dict": weights}, tmp_path / "alone.pth")
    return weights


@pytest.fixture
def run(tmp_path, capfd):
    """Trains from a checkpoint; gives the exit status, what was complained of and the weights, where there are any."""
    main = runpy.run_path(str(ROOT / "tools" / "train.py"))["main"]
    root = write_faces(tmp_path / "faces", {part: COUNTS[part] for part in ("train", "val")})

    def start(path, *options):
        MMLogger._instance_dict.clear()
        config = tmp_path / "warm.py"
        runtime = str(ROOT / "configs" / "_base_" / "landmarks" / "runtime.py")
        config.write_text(CONFIG.format(runtime=runtime, root=str(root), start=str(path)))
        status = main([str(config), "--work-dir", str(tmp_path / "run"), *options])
        last = max((tmp_path / "run").glob("iter_*.pth"), default=None)
        weights = torch.load(last, weights_only=False)["state_dict"] if last else None
        return status, capfd.readouterr().err, weights

    return start


def parameters(weights):
    """Without the statistics that batch norm gathers at any learning rate."""
    return {key: value for key, value in weights.items() if "running" not in key and "tracked" not in key}


def assert_same(found, expected):
    found, expected = parameters(found), parameters(expected)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_the_run_starts_with_the_checkpoint_and_not_at_the_mean_face(run, student, tmp_path):
    status, told, weights = run(tmp_path / "alone.pth")
    assert status == 0, told
    assert_same(weights, student)


def test_checkpoints_tell_what_the_run_started_from(run, student, tmp_path):
    run(tmp_path / "alone.pth")
    told = torch.load(tmp_path / "run" / "iter_1.pth", weights_only=False)["distill"]["start"]
    sha256 = hashlib.sha256((tmp_path / "alone.pth").read_bytes()).hexdigest()
    assert told == {"checkpoint": portable_path(tmp_path / "alone.pth"), "sha256": sha256}


def test_a_run_that_goes_on_keeps_its_own_weights(run, student, tmp_path):
    run(tmp_path / "alone.pth")
    own = torch.load(tmp_path / "run" / "iter_1.pth", weights_only=False)
    own["state_dict"]["network.head.bias"].fill_(0.25)
    torch.save(own, tmp_path / "run" / "iter_1.pth")
    status, told, weights = run(tmp_path / "alone.pth", "--resume", "--cfg-options", "train_cfg.max_iters=2")
    assert status == 0, told
    assert_same(weights, own["state_dict"])


def test_a_checkpoint_of_other_points_or_none_is_refused_before_training(run, tmp_path):
    status, told, weights = run(tmp_path / "alone.pth")
    assert (status, weights) == (2, None)
    assert "start: expected a checkpoint at" in told
    torch.save(
        LandmarkModel(PointRegressor("mobilenet_v2", 6, options={"width_mult": 0.1})).state_dict(), tmp_path / "six.pth"
    )
    status, told, weights = run(tmp_path / "six.pth")
    assert (status, weights) == (2, None)
    assert "six.pth that the student is to start from does not fit LandmarkModel" in told


def test_trust_is_asked_for_and_given_on_the_command_line(run, student, tmp_path):
    torch.save({"state_dict": student, "by": pathlib.PurePosixPath("someone")}, tmp_path / "objects.pth")
    status, told, _ = run(tmp_path / "objects.pth")
    assert status == 2
    assert "--trust-checkpoint" in told
    status, told, weights = run(tmp_path / "objects.pth", "--trust-checkpoint")
    assert status == 0, told
    assert_same(weights, student)


def test_the_configs_of_the_project_name_no_engine_checkpoint():
    for path in (ROOT / "configs" / "landmarks").glob("kd_warm_*.py"):
        model = read_config(path).model
        assert model.start
        assert "init_cfg" not in model.student
