"""Runs of the command from teachers to a student and its ONNX file, on a few faces."""

import runpy
import shutil
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch
from conftest import ROOT
from mmengine.logging import MMLogger
from small_faces import write_faces

from common.config import read_config
from tasks.landmarks.datasets import build_dataset
from tasks.landmarks.export import LandmarkExport, export
from tasks.landmarks.landmarker import load_onnx
from tasks.landmarks.model import load_landmark_model
from tasks.landmarks.shape_model import ShapeModel

RUN = """
_base_ = {runtime!r}
_faces = dict(type='PTSFaces', data_root={root!r}, scheme=None, size=32)
_loader = dict(batch_size=4, num_workers=0, collate_fn=dict(type='join_samples'))
train_dataloader = dict(**_loader, dataset=dict(part='train', augment=dict(), **_faces),
    sampler=dict(type='InfiniteSampler', shuffle=True))
val_dataloader = dict(**_loader, dataset=dict(part='val', **_faces), sampler=dict(type='DefaultSampler', shuffle=False))
val_cfg = dict()
test_cfg = None
test_evaluator = None
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-2))
param_scheduler = [dict(type='TimeDecayLR', decay=0.1, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=4, val_interval=3)
default_hooks = dict(checkpoint=dict(interval=2, max_keep_ckpts=2))
custom_hooks = [dict(type='ShapeModelHook'), dict(type='MeanFaceHook')]
_network = dict(type='PointRegressor', backbone='mobilenet_v2', num_points=5, dropout=0.2, options=dict(width_mult=0.1))
model = dict(type='LandmarkModel', network=_network)
"""
TOLERANT = """
_base_ = './tough.py'
train_dataloader = dict(dataset=dict(soft=dict(variance=0.9)))
model = dict(target='gt_soft', network=dict(backbone='timm:test_resnet', options=None, input_size=48))
"""
STUDENT = """
_base_ = './tough.py'
model = dict(
    _delete_=True,
    type='Distiller',
    student=dict(type='LandmarkModel', network={{_base_._network}}, loss_weight=0),
    teachers=dict(
        tough=dict(config='{{ fileDirname }}/tough.py', checkpoint='{{ fileDirname }}/tough/iter_4.pth'),
        tolerant=dict(config='{{ fileDirname }}/tolerant.py', checkpoint='{{ fileDirname }}/tolerant/iter_4.pth')),
    taps=dict(points='network'),
    losses=dict(kd=dict(type='KDLandmarkLoss', student='points', tough='tough.points', tolerant='tolerant.points',
        target='gt_points')),
    example=dict(type='FaceExample'))
"""


def run(config, work_dir, *options):
    MMLogger._instance_dict.clear()
    main = runpy.run_path(str(ROOT / "tools" / "train.py"))["main"]
    assert main([str(config), "--work-dir", str(work_dir), "--seed", "3", *options]) == 0
    return SimpleNamespace(config=config, folder=work_dir, checkpoint=work_dir / "iter_4.pth")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two teachers and the student that learns from them, by name."""
    folder = tmp_path_factory.mktemp("runs")
    runtime = str(ROOT / "configs" / "_base_" / "landmarks" / "runtime.py")
    base = RUN.format(runtime=runtime, root=str(write_faces(folder / "faces")))
    found = {}
    for name, text in (("tough", base), ("tolerant", TOLERANT), ("student", STUDENT)):
        (folder / f"{name}.py").write_text(text)
        found[name] = run(folder / f"{name}.py", folder / name)
    return found


def stored(path):
    return torch.load(path, weights_only=False)


def test_a_run_that_was_interrupted_ends_with_the_weights_of_one_that_was_not(runs, tmp_path):
    """Random views, dropout, moments of the optimiser and the schedule go on; a validation lies between the halves."""
    whole = runs["student"]
    (tmp_path / "halved").mkdir()
    shutil.copy(whole.folder / "iter_2.pth", tmp_path / "halved")
    resumed = stored(run(whole.config, tmp_path / "halved", "--resume").checkpoint)
    half, expected = stored(whole.folder / "iter_2.pth"), stored(whole.checkpoint)
    assert resumed["state_dict"].keys() == expected["state_dict"].keys()
    assert all(torch.equal(value, expected["state_dict"][key]) for key, value in resumed["state_dict"].items())
    assert not torch.equal(half["state_dict"]["network.head.weight"], expected["state_dict"]["network.head.weight"])
    assert [group["lr"] for group in resumed["optimizer"]["param_groups"]] == [
        group["lr"] for group in expected["optimizer"]["param_groups"]
    ]


def test_the_shape_model_lies_beside_the_tolerant_teacher_and_gives_its_labels(runs):
    tolerant = runs["tolerant"]
    shapes = ShapeModel.load(tolerant.checkpoint.with_name("shape_model.npz"))
    sample = build_dataset(read_config(tolerant.config), "train")[1]["data_samples"]
    expected = shapes.project(sample.gt_points.double().numpy())
    np.testing.assert_allclose(sample.gt_soft.numpy(), expected, atol=1e-6)
    assert not (runs["tough"].folder / "shape_model.npz").exists()


def test_the_student_is_stored_as_its_configs_network_alone(runs):
    model, _ = load_landmark_model(runs["student"].config, runs["student"].checkpoint)
    assert stored(runs["student"].checkpoint)["state_dict"].keys() == model.state_dict().keys()


def test_a_network_that_resizes_its_crops_is_the_same_in_onnxruntime(runs, tmp_path):
    tolerant = runs["tolerant"]
    export(tolerant.config, tolerant.checkpoint, tmp_path / "net.pth", tmp_path / "net.onnx")
    model, _ = load_landmark_model(tolerant.config, tolerant.checkpoint)
    assert model.network.input_size == 48
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255
    (found,) = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(None, {"image": images.numpy()})
    with torch.no_grad():
        expected = LandmarkExport(model, 32)(images).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)  # of a pixel
    assert load_onnx(tmp_path / "net.onnx").info.size == 32
