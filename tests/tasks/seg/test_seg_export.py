"""Exported students: with plain mmseg alone, and as ONNX files that need no preprocessing."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from mmseg.apis import inference_model
from mmseg.registry import MODELS

from common.errors import CheckpointError, ConfigError
from tasks.seg.export import SegmentationExport, export_segmentor

ROOT = Path(__file__).resolve().parents[3]
META = {"classes": ("sky", "road", "car"), "palette": [[70, 130, 180], [128, 64, 128], [0, 0, 142]]}

# PSPNet's grid of 1, 2, 3 and 6 bins on 8x12 features is what makes pooling hard to export.
NETWORK = """
preprocessor = dict(
    type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True,
    pad_val=0, seg_pad_val=255, size=(64, 96))
norm_cfg = dict(type='BN', requires_grad=True)
network = dict(
    type='EncoderDecoder', data_preprocessor=preprocessor, pretrained='open-mmlab://resnet18_v1c',
    backbone=dict(
        type='ResNetV1c', depth=18, base_channels=8, dilations=(1, 1, 2, 4), strides=(1, 2, 1, 1),
        out_indices=(0, 1, 2, 3), norm_cfg=norm_cfg, style='pytorch', contract_dilation=True),
    decode_head=dict(
        type='PSPHead', in_channels=64, in_index=3, channels=16, pool_scales=(1, 2, 3, 6), num_classes=3,
        norm_cfg=norm_cfg, align_corners=False, loss_decode=dict(type='CrossEntropyLoss')),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
test_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
"""

DISTILLATION = (
    NETWORK
    + """
default_scope = 'mmseg'
custom_imports = dict(imports=['tasks.seg.models'])
model = dict(
    type='Distiller', student=network, teachers=dict(teacher=dict(config='teacher.py', checkpoint='teacher.pth')))
test_dataloader = dict(
    batch_size=2, num_workers=4, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='DatasetOfThisProject', data_root='data/streets',
        pipeline=test_pipeline[:2] + [dict(type='TransformOfThisProject')] + test_pipeline[2:]))
test_evaluator = dict(type='MetricOfThisProject')
"""
)

PLAIN = (
    NETWORK
    + """
default_scope = 'mmseg'
model = network
test_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='CityscapesDataset', data_root='data/cityscapes', pipeline=test_pipeline))
test_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A distillation config, a plain config, and a training checkpoint whose labels vary over the image."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "distill.py").write_text(DISTILLATION)
    (folder / "plain.py").write_text(PLAIN)
    init_default_scope("mmseg")
    torch.manual_seed(0)
    model = build(Config.fromfile(folder / "plain.py").model)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 1.5)
        model.decode_head.conv_seg.weight.normal_(0, 1)
    torch.save(
        {
            "state_dict": model.state_dict(),
            "optimizer": {"param_groups": []},
            "meta": {"iter": 5, "dataset_meta": META},
            "distill": {"method": "cwd"},
        },
        folder / "iter_5.pth",
    )
    cv2.imwrite(str(folder / "image.png"), street(64, 96))
    return folder


def build(cfg: dict) -> torch.nn.Module:
    return MODELS.build({**cfg, "pretrained": None})


def street(height: int, width: int) -> np.ndarray:
    """A BGR image ``[H, W, 3]`` of smooth colours."""
    colours = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(colours, (width, height), interpolation=cv2.INTER_LINEAR)


def rgb_batch(bgr: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(bgr[..., ::-1].copy()).permute(2, 0, 1)[None].float()


def trained(folder: Path, **preprocessing) -> torch.nn.Module:
    """The network of the training checkpoint, ready for mmseg's `inference_model`."""
    cfg = Config.fromfile(folder / "plain.py")
    cfg.model.data_preprocessor.update(preprocessing)
    model = build(cfg.model)
    model.load_state_dict(torch.load(folder / "iter_5.pth", weights_only=True)["state_dict"])
    model.cfg = cfg
    return model.eval()


@pytest.fixture(scope="module")
def exported(folder) -> dict:
    return export_segmentor(
        folder / "distill.py", folder / "iter_5.pth", folder / "out" / "student.pth", folder / "out" / "student.onnx"
    )


WITHOUT_THIS_PROJECT = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("common", "tasks", "data_prep"):
            raise ImportError(f"{name} is of this project")

sys.meta_path.insert(0, Refuse())
import numpy as np
import torch
from mmseg.apis import inference_model, init_model

folder = sys.argv[1]
model = init_model(f"{folder}/out/student.py", f"{folder}/out/student.pth", device="cpu")
stored = torch.load(f"{folder}/out/student.pth", weights_only=True)["state_dict"]
model.load_state_dict(stored, strict=True)
print(list(stored) == list(model.state_dict()), model.dataset_meta["classes"])
np.save(f"{folder}/labels.npy", inference_model(model, f"{folder}/image.png").pred_sem_seg.data[0].numpy())
"""


def test_plain_mmseg_loads_an_exported_student_strictly_and_predicts_the_same_labels(folder, exported):
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_THIS_PROJECT, str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert "True ('sky', 'road', 'car')" in run.stdout
    expected = inference_model(trained(folder), str(folder / "image.png")).pred_sem_seg.data[0].numpy()
    assert len(np.unique(expected)) > 1
    assert np.array_equal(np.load(folder / "labels.npy"), expected)


def test_the_config_beside_an_exported_student_holds_only_what_mmseg_has(folder, exported):
    text = (folder / "out" / "student.py").read_text()
    assert "OfThisProject" not in text
    assert "custom_imports" not in text
    assert "open-mmlab" not in text
    assert "teacher" not in text
    assert exported["left_out"] == ["TransformOfThisProject"]
    cfg = Config.fromfile(folder / "out" / "student.py")
    assert cfg.test_dataloader.dataset.type == "BaseSegDataset"
    assert [step.type for step in cfg.test_pipeline] == ["LoadImageFromFile", "PackSegInputs"]


def test_an_exported_checkpoint_names_classes_colours_and_origin(folder, exported):
    stored = torch.load(folder / "out" / "student.pth", weights_only=True)
    assert tuple(stored["meta"]["dataset_meta"]["classes"]) == META["classes"]
    assert stored["meta"]["dataset_meta"]["palette"] == META["palette"]
    assert stored["distill"]["method"] == "cwd"
    assert "optimizer" not in stored


def test_an_onnx_student_takes_rgb_images_and_gives_the_logits_of_mmseg(folder, exported):
    image = street(64, 96)
    session = onnxruntime.InferenceSession(folder / "out" / "student.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": rgb_batch(image).numpy()})
    expected = inference_model(trained(folder), image).seg_logits.data
    torch.testing.assert_close(torch.from_numpy(logits[0]), expected, rtol=1e-4, atol=1e-4)


def test_an_onnx_student_says_its_classes_and_its_input(folder, exported):
    stored = onnx.load(folder / "out" / "student.onnx")
    metadata = {entry.key: entry.value for entry in stored.metadata_props}
    assert json.loads(metadata["classes"]) == list(META["classes"])
    assert json.loads(metadata["palette"]) == META["palette"]
    assert metadata["task"] == "seg"
    assert metadata["input"].startswith("RGB, 0 to 255")
    assert exported["onnx"]["input_shape"] == ["batch", 3, 64, 96]


PREPROCESSING = {
    "rgb": {},
    "bgr": {"bgr_to_rgb": False},
    "unnormalised": {"mean": None, "std": None},
    "padded to a multiple": {"test_cfg": {"size_divisor": 32}},
    "padded to a size": {"test_cfg": {"size": (72, 96)}},
}


@pytest.mark.parametrize("preprocessing", PREPROCESSING.values(), ids=PREPROCESSING.keys())
def test_export_preprocesses_as_mmseg_does(folder, preprocessing):
    model = trained(folder, **preprocessing)
    image = street(40, 72)
    expected = inference_model(model, image)
    with torch.no_grad():
        logits = SegmentationExport(model)(rgb_batch(image))
        labels = SegmentationExport(model, argmax=True)(rgb_batch(image))
    torch.testing.assert_close(logits[0], expected.seg_logits.data, rtol=1e-5, atol=1e-5)
    assert labels.dtype == torch.uint8
    assert torch.equal(labels.long(), expected.pred_sem_seg.data.long())


def test_a_pipeline_that_loads_rgb_is_not_turned_round(folder):
    # With BGR images and bgr_to_rgb the network sees RGB; with RGB images and no conversion it does too.
    turned, straight = trained(folder), trained(folder, bgr_to_rgb=False)
    image = rgb_batch(street(40, 72))
    with torch.no_grad():
        expected = SegmentationExport(turned)(image)
        found = SegmentationExport(straight, pipeline_order="rgb")(image)
    assert torch.equal(found, expected)


def test_one_channel_gives_label_1_above_the_threshold(folder):
    cfg = Config.fromfile(folder / "plain.py").model
    cfg.decode_head.update(
        num_classes=2, out_channels=1, threshold=0.3, loss_decode={"type": "CrossEntropyLoss", "use_sigmoid": True}
    )
    model = build(cfg).eval()
    image = street(40, 72)
    model.cfg = Config.fromfile(folder / "plain.py")
    expected = inference_model(model, image).pred_sem_seg.data
    with torch.no_grad():
        labels = SegmentationExport(model, argmax=True)(rgb_batch(image))
    assert torch.equal(labels.long(), expected.long())


def test_a_checkpoint_of_other_classes_is_refused_and_nothing_is_written(folder, tmp_path):
    stored = torch.load(folder / "iter_5.pth", weights_only=True)
    head = "decode_head.conv_seg."
    for name in ("weight", "bias"):
        stored["state_dict"][head + name] = stored["state_dict"][head + name][:2]
    torch.save(stored, tmp_path / "two.pth")
    with pytest.raises(CheckpointError, match="expected 3 outputs but found 2"):
        export_segmentor(folder / "distill.py", tmp_path / "two.pth", tmp_path / "student.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["two.pth"]


def test_the_training_checkpoint_itself_is_not_overwritten(folder):
    with pytest.raises(ConfigError, match="expected a new file"):
        export_segmentor(folder / "distill.py", folder / "iter_5.pth", folder / "iter_5.pth")


@pytest.fixture(scope="module")
def command():
    spec = importlib.util.spec_from_file_location("export_command", ROOT / "tools" / "export.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_the_command_writes_labels_at_the_size_asked_for(folder, command, tmp_path, capsys):
    out, onnx_path = tmp_path / "s.pth", tmp_path / "s.onnx"
    arguments = [folder / "distill.py", folder / "iter_5.pth", "--out", out, "--onnx", onnx_path]
    assert command([*map(str, arguments), "--size", "48x80", "--labels"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.onnx", "s.pth", "s.py"]
    printed = capsys.readouterr().out
    assert f"{onnx_path}: input batchx3x48x80" in printed
    assert "TransformOfThisProject" in printed
    session = onnxruntime.InferenceSession(onnx_path, providers=["CPUExecutionProvider"])
    image = street(48, 80)
    (labels,) = session.run(["labels"], {"image": rgb_batch(image).numpy()})
    expected = inference_model(trained(folder), image).pred_sem_seg.data[0].numpy()
    assert labels.dtype == np.uint8
    # Ties at class borders may fall either way by rounding.
    assert (labels[0] != expected).mean() < 1e-3


def test_the_command_says_in_one_line_what_is_missing(folder, command, tmp_path, capsys):
    arguments = [str(folder / "distill.py"), str(tmp_path / "none.pth"), "--out", str(tmp_path / "s.pth")]
    assert command(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "none.pth" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("size", ["512", "512x", "axb", "0x64"])
def test_the_command_refuses_a_size_that_is_none(command, size):
    with pytest.raises(SystemExit) as stopped:
        command(["config.py", "run.pth", "--size", size])
    assert stopped.value.code == 2
