"""mmcv's operators as torchvision supplies them, against what the compiled ones returned."""

import importlib.machinery
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from golden_files import load_golden

from common.errors import UserError
from common.mmcv_ops import install

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def ops():
    install()
    import mmcv.ops

    return mmcv.ops


def cases(name: str) -> list[dict[str, torch.Tensor]]:
    """The golden cases of one operator, arrays as tensors and single numbers as Python's."""
    stored = load_golden("mmcv_ops")
    return [
        {key: torch.from_numpy(value.copy()) if value.ndim else value.item() for key, value in stored[case].items()}
        for case in sorted(stored)
        if case.rstrip("0123456789") == name
    ]


def assert_agrees(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def assert_gradients_agree(output: torch.Tensor, case: dict, leaves: dict[str, torch.Tensor]) -> None:
    assert_agrees(output, case["output"])
    (output * case["cotangent"]).sum().backward()
    for name, leaf in leaves.items():
        assert_agrees(leaf.grad, case[f"grad_{name}"])


def test_nms_keeps_the_boxes_that_the_compiled_operator_keeps(ops):
    for case in cases("nms"):
        _, keep = ops.nms(case["boxes"], case["scores"], case["iou_threshold"])
        assert keep.tolist() == case["keep"].tolist()


def test_nms_with_offset_counts_pixels_inclusively(ops):
    # 10x10 pixels each when counted inclusively, 5 columns in common: IoU = 50 / 150 = 1/3; exclusively
    # 9x9 with 4x9 in common: 36 / 126 = 0.286.
    boxes = torch.tensor([[0.0, 0, 9, 9], [5, 0, 14, 9]])
    scores = torch.tensor([0.9, 0.8])
    assert len(ops.nms(boxes, scores, 0.3, offset=0)[1]) == 2
    assert len(ops.nms(boxes, scores, 0.3, offset=1)[1]) == 1


def test_nms_of_no_boxes_keeps_nothing(ops):
    detections, keep = ops.nms(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert detections.shape == (0, 5)
    assert keep.shape == (0,)


def test_batched_nms_agrees_with_the_compiled_operator(ops):
    for case in cases("batched_nms"):
        config = {"type": "nms", "iou_threshold": case["iou_threshold"]}
        detections, keep = ops.batched_nms(case["boxes"], case["scores"], case["labels"], config)
        assert keep.tolist() == case["keep"].tolist()
        assert_agrees(detections, case["dets"])


@pytest.mark.parametrize("method", ["linear", "gaussian"])
def test_soft_nms_agrees_with_the_compiled_operator(ops, method):
    for case in cases(f"soft_nms_{method}"):
        settings = {name: case[name] for name in ("iou_threshold", "sigma", "min_score")}
        detections, keep = ops.soft_nms(case["boxes"], case["scores"], method=method, **settings)
        assert keep.tolist() == case["keep"].tolist()
        assert_agrees(detections, case["dets"])


def test_naive_soft_nms_is_hard_nms(ops):
    case = cases("nms")[0]
    _, soft = ops.soft_nms(case["boxes"], case["scores"], case["iou_threshold"], min_score=1e-9, method="naive")
    assert soft.tolist() == case["keep"].tolist()


def test_soft_nms_keeps_boxes_without_area(ops):
    boxes = torch.tensor([[3.0, 1, 3, 1], [3, 1, 3, 1]])
    detections, keep = ops.soft_nms(boxes, torch.tensor([0.9, 0.5]), method="gaussian")
    assert keep.tolist() == [0, 1]
    assert_agrees(detections[:, 4], torch.tensor([0.9, 0.5]))


def test_roi_align_and_its_gradient_agree_with_the_compiled_operator(ops):
    for case in cases("roi_align"):
        features = case["input"].requires_grad_()
        size = tuple(case["output_size"].tolist())
        output = ops.roi_align(
            features,
            case["rois"],
            size,
            case["spatial_scale"],
            case["sampling_ratio"],
            "avg",
            bool(case["aligned"]),
        )
        assert_gradients_agree(output, case, {"input": features})


def test_roi_align_by_maximum_is_refused_with_the_setting_that_works(ops):
    layer = ops.RoIAlign(2, pool_mode="max")
    with pytest.raises(UserError, match="pool_mode='avg'"):
        layer(torch.zeros(1, 1, 4, 4), torch.tensor([[0.0, 0, 0, 3, 3]]))


def geometry(case: dict) -> tuple:
    return tuple(case[name] for name in ("stride", "padding", "dilation", "groups", "deform_groups"))


def test_deformable_convolution_and_its_gradients_agree_with_the_compiled_operator(ops):
    for case in cases("deform_conv2d"):
        leaves = {name: case[name].requires_grad_() for name in ("input", "offset", "weight")}
        output = ops.deform_conv2d(*leaves.values(), *geometry(case))
        assert_gradients_agree(output, case, leaves)


def test_modulated_deformable_convolution_and_its_gradients_agree_with_the_compiled_operator(ops):
    for case in cases("modulated_deform_conv2d"):
        leaves = {name: case[name].requires_grad_() for name in ("input", "offset", "mask", "weight", "bias")}
        output = ops.modulated_deform_conv2d(*leaves.values(), *geometry(case))
        assert_gradients_agree(output, case, leaves)


def test_modulated_deformable_convolution_works_without_bias(ops):
    case = cases("modulated_deform_conv2d")[0]
    inputs = [case[name].requires_grad_() for name in ("input", "offset", "mask", "weight")]
    output = ops.modulated_deform_conv2d(*inputs, None, *geometry(case))
    assert_agrees(output + case["bias"][:, None, None], case["output"])
    (output * case["cotangent"]).sum().backward()
    assert_agrees(inputs[3].grad, case["grad_weight"])


@pytest.mark.parametrize("class_weight", [None, torch.tensor([0.5, 2.0, 1.5], dtype=torch.float64)])
def test_sigmoid_focal_loss_is_its_formula(ops, class_weight):
    logits = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 2, 1, 1, 2])
    gamma, alpha = 2.0, 0.25
    p = logits.sigmoid()
    expected = -(1 - alpha) * p**gamma * (1 - p).log()
    rows = torch.arange(5)
    expected[rows, target] = (-alpha * (1 - p) ** gamma * p.log())[rows, target]
    if class_weight is not None:
        expected *= class_weight[target, None]
    actual = ops.sigmoid_focal_loss(logits, target, gamma, alpha, class_weight, "none")
    torch.testing.assert_close(actual, expected)


def test_sigmoid_focal_loss_counts_the_label_after_the_last_class_as_background(ops):
    loss = ops.sigmoid_focal_loss(torch.zeros(1, 2), torch.tensor([2]), 2.0, 0.25, None, "none")
    torch.testing.assert_close(loss, torch.full((1, 2), 0.75 * 0.25 * torch.log(torch.tensor(2.0)).item()))


def test_softmax_focal_loss_is_its_formula(ops):
    logits = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    target = torch.tensor([0, 2, -1, 1, 2])
    p = logits.softmax(1)[torch.arange(5), target]
    expected = torch.where(target >= 0, -0.25 * (1 - p) ** 2 * p.log(), 0.0)
    torch.testing.assert_close(ops.softmax_focal_loss(logits, target, 2.0, 0.25, None, "none"), expected)


@pytest.mark.parametrize("name", ["sigmoid_focal_loss", "softmax_focal_loss"])
def test_focal_loss_gradients_are_the_numeric_ones(ops, name):
    logits = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    target = torch.tensor([0, 2, 1, 2])
    weight = torch.tensor([0.5, 2.0, 1.5], dtype=torch.float64)

    def loss(logits):
        return getattr(ops, name)(logits, target, 2.0, 0.25, weight, "sum")

    assert torch.autograd.gradcheck(loss, [logits.requires_grad_()])


def test_an_operator_that_torchvision_lacks_is_named_when_it_is_called(ops):
    if install() == "compiled":
        pytest.skip("mmcv's own operators are here")
    with pytest.raises(UserError, match=r"'carafe_forward'.*--no-build-isolation"):
        ops.carafe(torch.zeros(1, 4, 4, 4), torch.zeros(1, 9, 8, 8), 3, 1, 2)


class ExtensionFinder:
    """Import finder that answers for ``mmcv._ext`` alone: by an error, or by a module with one operator."""

    def __init__(self, error: ImportError | None = None):
        self.error = error

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "mmcv._ext" else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        if self.error:
            raise self.error
        module.nms = "compiled"


@pytest.fixture
def fresh(ops, monkeypatch):
    """``mmcv._ext`` not imported yet; what was there comes back after the test."""
    monkeypatch.setattr(sys.modules["mmcv"], "_ext", None, raising=False)
    monkeypatch.delitem(sys.modules, "mmcv._ext")
    return monkeypatch


def test_operators_built_for_another_torch_are_replaced_with_the_reason_said_once(fresh, capsys):
    broken = ExtensionFinder(ImportError("undefined symbol: _ZN3c105Error"))
    fresh.setattr(sys, "meta_path", [broken, *sys.meta_path])
    assert install() == "torchvision"
    assert install() == "torchvision"
    assert capsys.readouterr().err.count("undefined symbol: _ZN3c105Error") == 1
    assert callable(sys.modules["mmcv._ext"].nms)


def test_an_installation_without_operators_is_nothing_to_speak_of(fresh, capsys):
    fresh.setattr(sys, "meta_path", [ExtensionFinder(ModuleNotFoundError("mmcv._ext")), *sys.meta_path])
    for name in [name for name in sys.modules if name.startswith("mmdet.")]:
        fresh.delitem(sys.modules, name)
    assert install() == "torchvision"
    assert capsys.readouterr().err == ""


def test_operators_that_come_too_late_for_mmdet_say_so(fresh, capsys):
    fresh.setattr(sys, "meta_path", [ExtensionFinder(ModuleNotFoundError("mmcv._ext")), *sys.meta_path])
    fresh.setitem(sys.modules, "mmdet.models", ModuleType("mmdet.models"))
    install()
    assert "before importing mmdet or mmseg.models" in capsys.readouterr().err


def test_working_compiled_operators_are_left_alone(fresh, capsys):
    fresh.setattr(sys, "meta_path", [ExtensionFinder(), *sys.meta_path])
    assert install() == "compiled"
    assert sys.modules["mmcv._ext"].nms == "compiled"
    assert capsys.readouterr().err == ""


def test_mmengine_and_mmcv_find_the_operators(ops):
    from mmcv.utils import collect_env
    from mmcv.utils.ext_loader import check_ops_exist
    from mmengine.utils.dl_utils import mmcv_full_available

    assert mmcv_full_available()
    assert check_ops_exist()
    assert "MMCV Compiler" in collect_env()


DETECTORS = """
from common.mmcv_ops import install
install()

from pathlib import Path

import mmdet
import mmdet.models
import mmseg.models
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

init_default_scope("mmdet")
torch.manual_seed(0)
configs = Path(mmdet.__file__).parent / ".mim/configs"
for path in ("retinanet/retinanet_r50_fpn_1x_coco.py", "faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py"):
    config = Config.fromfile(configs / path).model
    config.backbone.update(depth=18, base_channels=8, init_cfg=None)
    config.neck.update(in_channels=[8, 16, 32, 64], out_channels=16)
    if "roi_head" in config:
        config.rpn_head.update(in_channels=16, feat_channels=16)
        config.roi_head.bbox_roi_extractor.out_channels = 16
        config.roi_head.bbox_head.update(in_channels=16, fc_out_channels=32)
        config.test_cfg.rcnn.score_thr = 0.0
    else:
        config.bbox_head.update(in_channels=16, feat_channels=16, stacked_convs=1)
        config.test_cfg.score_thr = 0.0
    model = MODELS.build(config)
    sample = DetDataSample(
        metainfo={"img_shape": (64, 96), "ori_shape": (64, 96), "scale_factor": (1.0, 1.0)},
        gt_instances=InstanceData(bboxes=torch.tensor([[8.0, 8, 40, 40]]), labels=torch.tensor([3])),
    )
    batch = {"inputs": [torch.randint(0, 256, (3, 64, 96))], "data_samples": [sample]}
    losses = model(**model.data_preprocessor(batch, True), mode="loss")
    total, _ = model.parse_losses(losses)
    total.backward()
    gradient = sum(p.grad.abs().sum() for p in model.parameters() if p.grad is not None)
    with torch.no_grad():
        (result,) = model.eval().test_step(batch)
    print(type(model).__name__, bool(total.isfinite()), bool(gradient > 0), len(result.pred_instances))
"""


def test_retinanet_and_faster_rcnn_train_and_predict():
    run = subprocess.run([sys.executable, "-c", DETECTORS], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    words = [line.split() for line in run.stdout.splitlines() if "Net" in line or "RCNN" in line]
    assert [line[:3] for line in words] == [["RetinaNet", "True", "True"], ["FasterRCNN", "True", "True"]]
    assert all(int(line[3]) > 0 for line in words)
