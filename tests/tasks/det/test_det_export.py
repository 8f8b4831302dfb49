"""Exported students: with plain mmdet alone, and as ONNX files that need no preprocessing."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from conftest import ROOT
from small_detectors import META, scenery, write_network

from common.errors import CheckpointError, ConfigError
from common.export import ExportError
from common.onnx_files import read_metadata
from common.report import write_png
from tasks.det.detector import load_checkpoint, load_onnx
from tasks.det.export import compare, export
from tasks.det.exported_network import DetectorExport, image_size
from tasks.det.models import build_dataset, load_detector

command = runpy.run_path(str(ROOT / "tools" / "export.py"))

DISTILLED = """
model = dict(
    type='Distiller', student=network, teachers=dict(teacher=dict(config='teacher.py', checkpoint='teacher.pth')))
data = dict(type='CSVBoxes', data_root={root!r}, metainfo={meta!r})
_loader = dict(batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False))
_steps = test_pipeline[:3] + [dict(type='TransformOfThisProject')] + test_pipeline[3:]
train_dataloader = dict(**_loader, dataset=dict(**data, ann_file='boxes.csv', pipeline=test_pipeline))
val_dataloader = dict(**_loader, dataset=dict(**data, ann_file='boxes.csv', pipeline=test_pipeline, test_mode=True))
test_dataloader = dict(**_loader, dataset=dict(**data, ann_file='boxes.csv', pipeline={steps}, test_mode=True))
test_evaluator = dict(type='BoxScores')
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder with four pictures whose true boxes are those that the network finds, the config ``net.py`` of a
    distillation run and its checkpoint."""
    folder = tmp_path_factory.mktemp("export")
    more = DISTILLED.format(root=str(folder), meta=dict(META), steps="test_pipeline")
    write_network(folder, more=more)
    rows = ["image,xmin,ymin,xmax,ymax,label"]
    for number in range(4):
        write_png(folder / f"{number}.png", scenery(seed=number))
    detector = load_checkpoint(folder / "net.py", folder / "net.pth")
    for number in range(4):
        found = detector.detect(scenery(seed=number))
        for box, label in zip(found.boxes.round(4), found.labels, strict=True):
            rows.append(f"{number}.png,{','.join(map(str, box))},{META['classes'][label]}")
    (folder / "boxes.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def exported(trained):
    """What the command line leaves of the network."""
    out = trained / "out"
    names = [str(trained / name) for name in ("net.py", "net.pth")]
    assert command["main"]([*names, "--out", str(out / "net.pth"), "--onnx", str(out / "net.onnx")]) == 0
    return out


# Where mmcv comes without its compiled operators, mmdet alone can't be imported, by whomever it is used. There the
# project's stand-ins for them are put in place first, and nothing else of it: the file is copied out of the project.
WITHOUT_THIS_PROJECT = """
import importlib.util
import sys
import types

try:
    import mmcv.ops
except ImportError:
    errors = types.ModuleType("common.errors")
    errors.UserError = Exception
    sys.modules["common"], sys.modules["common.errors"] = types.ModuleType("common"), errors
    spec = importlib.util.spec_from_file_location("operators", "operators.py")
    operators = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(operators)
    operators.install()
    for name in [name for name in sys.modules if name.startswith("mmcv.ops")] + ["common", "common.errors"]:
        del sys.modules[name]

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("common", "tasks", "data_prep"):
            raise ImportError(f"{name} is of this project")

sys.meta_path.insert(0, Refuse())
import numpy as np
import torch
from mmdet.apis import inference_detector, init_detector

model = init_detector("out/net.py", "out/net.pth", device="cpu")
stored = torch.load("out/net.pth", weights_only=True)["state_dict"]
model.load_state_dict(stored, strict=True)
print(list(stored) == list(model.state_dict()), model.dataset_meta["classes"])
found = inference_detector(model, "0.png").pred_instances
np.savez("found.npz", boxes=found.bboxes.numpy(), scores=found.scores.numpy(), labels=found.labels.numpy())
"""


def test_plain_mmdet_loads_an_exported_student_strictly_and_finds_the_same_boxes(trained, exported):
    (trained / "operators.py").write_text((ROOT / "common" / "mmcv_ops.py").read_text())
    arguments = [sys.executable, "-c", WITHOUT_THIS_PROJECT]
    run = subprocess.run(arguments, cwd=trained, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert f"True {META['classes']}" in run.stdout
    found = np.load(trained / "found.npz")
    expected = load_checkpoint(trained / "net.py", trained / "net.pth").detect(scenery(seed=0))
    assert len(expected) > 5
    np.testing.assert_allclose(found["boxes"], expected.boxes, atol=1e-3)
    np.testing.assert_allclose(found["scores"], expected.scores, atol=1e-5)
    np.testing.assert_array_equal(found["labels"], expected.labels)


def test_the_config_beside_an_exported_student_holds_only_what_mmdet_has(exported):
    text = (exported / "net.py").read_text()
    for word in ("CSVBoxes", "CheckedImage", "BoxScores", "custom_imports", "no/such", "teacher", "Distiller"):
        assert word not in text
    for word in ("BaseDetDataset", "LoadImageFromFile", "VOCMetric", "default_scope = 'mmdet'"):
        assert word in text


def test_an_exported_checkpoint_names_classes_colours_and_origin(exported):
    stored = torch.load(exported / "net.pth", weights_only=True)
    assert tuple(stored["meta"]["dataset_meta"]["classes"]) == META["classes"]
    assert len(stored["distill"]["exported_from_sha256"]) == 64
    assert "optimizer" not in stored


def test_an_onnx_student_says_what_is_to_be_done_with_its_boxes(exported):
    metadata = read_metadata(exported / "net.onnx")
    told = {key: json.loads(metadata[key]) for key in metadata if key not in ("task", "input", "output")}
    assert told == {
        "classes": list(META["classes"]), "palette": META["palette"], "size": [96, 128], "resize": "fit",
        "padding": pytest.approx([123.675, 116.28, 103.53], abs=1e-4), "levels": [384, 96, 24],
        "score_threshold": 0.3, "candidates": 60, "least_side": 0, "nms_iou": 0.5, "max_detections": 40,
    }  # fmt: skip
    assert metadata["task"] == "det"
    assert json.loads((exported / "net.json").read_text())["onnx"]["input_shape"] == ["batch", 3, 96, 128]


def test_the_graph_suppresses_nothing(exported):
    graph = onnx.load(exported / "net.onnx").graph
    assert "NonMaxSuppression" not in {node.op_type for node in graph.node}
    shapes = {each.name: [side.dim_value for side in each.type.tensor_type.shape.dim[1:]] for each in graph.output}
    assert shapes == {"boxes": [504, 4], "scores": [504, 3]}


def test_boxes_end_at_the_images_edge(trained):
    model, _ = load_detector(trained / "net.py", trained / "net.pth", "cpu")
    with torch.no_grad():
        boxes, scores = DetectorExport(model, (90, 120))(torch.full((2, 3, 90, 120), 99.0))
    # Padded to 96x128, so there are as many boxes as for these.
    assert (boxes.shape, scores.shape) == ((2, 504, 4), (2, 504, 3))
    assert boxes.amin() == 0
    assert (boxes[..., 0::2].amax(), boxes[..., 1::2].amax()) == (120, 90)


def test_precision_of_integers_is_told_beside_that_of_floats(trained, capsys):
    out = trained / "small"
    names = [str(trained / name) for name in ("net.py", "net.pth")]
    options = ["--int8", "--calibration-frames", "3", "--part", "val"]
    assert command["main"]([*names, "--out", str(out / "a.pth"), "--onnx", str(out / "a.onnx"), *options]) == 0
    report = json.loads((out / "a.json").read_text())["int8"]
    assert (report["calibration_frames"], report["images"], report["part"]) == (3, 4, "val")
    assert f"AP {report['AP']['int8']:.2f} % (AP50" in capsys.readouterr().out
    quantised, full = load_onnx(out / "a.int8.onnx"), load_onnx(out / "a.onnx")
    assert quantised.info == full.info
    assert report["AP"]["fp32"] == pytest.approx(100)
    assert 10 < report["AP"]["int8"] < 100


def test_an_image_is_compared_in_its_own_pixels(trained, exported):
    _, cfg = load_detector(trained / "net.py", trained / "net.pth", "cpu")
    found = compare({"one": exported / "net.onnx", "other": exported / "net.onnx"}, build_dataset(cfg, "val"))
    assert found["images"] == 4
    assert found["AP"]["one"] == found["AP"]["other"] == pytest.approx(100)


def test_modules_that_mmdet_lacks_are_named_and_no_config_is_written(tmp_path, capsys):
    change = {
        "backbone": {"type": "MobileNetV1", "widen_factor": 0.125, "out_indices": (2, 3, 4), "_delete_": True},
        "neck.in_channels": [32, 64, 128],
    }
    config, checkpoint = write_network(tmp_path, change=change)
    assert command["main"]([config, checkpoint, "--out", str(tmp_path / "out.pth")]) == 0
    assert "no plain config: mmdet does not have tasks.det.backbones.MobileNetV1" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.pth", "net.py", "out.pth"]


def test_what_mmdet_lacks_for_ssd_is_told(tmp_path, capsys):
    config, checkpoint = write_network(tmp_path, "SingleStageDetector")
    assert command["main"]([config, checkpoint, "--out", str(tmp_path / "out.pth")]) == 0
    printed = capsys.readouterr().out
    assert f"init_detector('{tmp_path / 'out.py'}'" in printed
    assert "SSDHead.loss_cls = None" in printed


def test_heads_that_predict_in_their_own_way_are_refused_by_name(tmp_path):
    config, checkpoint = write_network(tmp_path, "RepPointsDetector")
    message = "found RepPointsHead, which predicts in its own way; use the plain checkpoint with mmdet"
    with pytest.raises(ExportError, match=message):
        export(config, checkpoint, tmp_path / "out.pth", tmp_path / "out.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.pth", "net.py"]


def test_detectors_of_two_stages_are_refused_by_name():
    class FasterRCNN(torch.nn.Module):
        pass

    with pytest.raises(ExportError, match=r"expected a detector of one stage .* but found FasterRCNN; use the plain"):
        DetectorExport(FasterRCNN(), (96, 128))


@pytest.mark.parametrize(
    "nms", [{"type": "soft_nms", "iou_threshold": 0.5}, {"type": "nms", "iou_threshold": 0.5, "class_agnostic": True}]
)
def test_another_suppression_is_refused(trained, nms):
    model, _ = load_detector(trained / "net.py", trained / "net.pth", "cpu")
    model.bbox_head.test_cfg.nms = nms
    with pytest.raises(ExportError, match=r"expected test_cfg\.nms of type 'nms', by class"):
        DetectorExport(model, (96, 128))


@pytest.mark.parametrize(
    ("steps", "size", "expected"),
    [
        ([{"type": "Resize", "scale": (1333, 800), "keep_ratio": True}], None, (800, 1333)),
        ([{"type": "mmdet.Resize", "scale": (300, 300), "keep_ratio": False}], None, (300, 300)),
        ([{"type": "Resize", "scale": (1333, 800), "keep_ratio": True}], (64, 32), (64, 32)),
        ([], (64, 32), (64, 32)),
    ],
)
def test_size_is_that_of_the_test_images(trained, steps, size, expected):
    _, cfg = load_detector(trained / "net.py", trained / "net.pth", "cpu")
    cfg.test_dataloader.dataset.pipeline = [{"type": "LoadImageFromFile"}, *steps, {"type": "PackDetInputs"}]
    assert image_size(cfg, size) == expected


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        ({"type": "Resize", "scale_factor": 0.5}, ConfigError, "found no Resize.* give --size HEIGHTxWIDTH"),
        ({"type": "Pad", "size_divisor": 32}, ExportError, "but found 'Pad' in .*net.py; leave it out"),
    ],
)
def test_a_pipeline_that_the_file_could_not_follow_is_refused(trained, step, error, message):
    _, cfg = load_detector(trained / "net.py", trained / "net.pth", "cpu")
    cfg.test_dataloader.dataset.pipeline = [step, {"type": "PackDetInputs"}]
    with pytest.raises(error, match=message):
        image_size(cfg)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": "a.py"}, "expected a new file such as student.pth but found a.py"),
        ({"onnx": "a.bin"}, r"expected an ONNX file named \*.onnx but found a.bin"),
        ({"int8": True}, "expected --onnx FILE, .* but found --int8 alone"),
        ({"calibration_frames": 0}, "expected at least one image to calibrate with but found 0"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_read(options, message):
    with pytest.raises(ConfigError, match=message):
        export("net.py", "net.pth", **{"out": "a.pth", **options})


def test_another_networks_weights_are_refused(trained, tmp_path):
    _, checkpoint = write_network(tmp_path, "GFL")
    with pytest.raises(CheckpointError, match=r"net\.pth"):
        export(trained / "net.py", checkpoint, tmp_path / "out.pth")
    assert not Path(tmp_path, "out.pth").exists()
