import tasks.det  # noqa: F401 - puts operators in place

# isort: split
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from torch.utils.flop_counter import FlopCounterMode
from torchvision.ops import deform_conv2d

from common.errors import ConfigError
from tasks.det.cost import detection_macs, latencies


@pytest.fixture(scope="module")
def detector():
    """RetinaNet with two levels of four channels, and no convolutions between them and its two classes' scores."""
    init_default_scope("mmdet")
    anchors = {"type": "AnchorGenerator", "octave_base_scale": 4, "scales_per_octave": 1, "ratios": [1.0]}
    model = {
        "type": "RetinaNet",
        "data_preprocessor": {"type": "DetDataPreprocessor", "mean": [0.0] * 3, "std": [1.0] * 3,
                              "pad_size_divisor": 32},
        "backbone": {"type": "ResNet", "depth": 18, "base_channels": 4, "num_stages": 2, "out_indices": (0, 1),
                     "strides": (1, 2), "dilations": (1, 1)},
        "neck": {"type": "FPN", "in_channels": [4, 8], "out_channels": 4, "num_outs": 2},
        "bbox_head": {"type": "RetinaHead", "num_classes": 2, "in_channels": 4, "feat_channels": 4, "stacked_convs": 0,
                      "anchor_generator": {**anchors, "strides": [4, 8]}},
        "test_cfg": {"nms_pre": 10, "score_thr": 0.0, "nms": {"type": "nms", "iou_threshold": 0.5}, "max_per_img": 5},
    }  # fmt: skip
    return MODELS.build(ConfigDict(model)).eval()


def sample_of(height: int, width: int) -> dict:
    meta = {"img_shape": (height, width), "ori_shape": (height, width), "scale_factor": (1.0, 1.0)}
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    return {"inputs": image, "data_samples": DetDataSample(metainfo=meta)}


def convolutions(size: int) -> int:
    """Multiply-accumulates of `detector`'s convolutions on a square image, layer by layer."""
    half, quarter, eighth = ((size // step) ** 2 for step in (2, 4, 8))
    stem = half * 7 * 7 * 3 * 4
    first = 4 * quarter * 9 * 4 * 4
    second = eighth * (9 * 4 * 8 + 3 * 9 * 8 * 8 + 4 * 8)  # the 1x1 convolution is the shortcut
    neck = quarter * 4 * 4 + eighth * 8 * 4 + (quarter + eighth) * 9 * 4 * 4
    head = (quarter + eighth) * 9 * 4 * (2 + 4)
    return stem + first + second + neck + head


def test_multiply_accumulates_are_those_of_the_layers_at_the_padded_size(detector):
    macs, size = detection_macs(detector, sample_of(60, 64))
    assert size == (64, 64)
    assert macs == convolutions(64)


def test_counting_leaves_the_network_as_it_is(detector):
    trained = [parameter.requires_grad for parameter in detector.parameters()]
    detection_macs(detector, sample_of(32, 32))
    assert [parameter.requires_grad for parameter in detector.parameters()] == trained
    assert any(trained)
    assert all(parameter.grad is None for parameter in detector.parameters())


def test_a_deformable_convolution_counts_as_a_plain_one():
    image, offset, weight = torch.zeros(2, 4, 6, 5), torch.zeros(2, 18, 6, 5), torch.zeros(8, 4, 3, 3)
    with FlopCounterMode(display=False) as counter:
        deform_conv2d(image, offset, weight, padding=1)
    assert counter.get_total_flops() == 2 * 2 * 8 * 6 * 5 * 4 * 9


def test_networks_are_timed_on_their_own_samples(detector):
    times = latencies({"one": (detector, sample_of(32, 32)), "two": (detector, sample_of(64, 32))}, "cpu", 2, warmup=0)
    assert list(times) == ["one", "two"]
    assert all(0 < time.p50 <= time.p95 for time in times.values())
    with pytest.raises(ConfigError, match="at least 1 round"):
        latencies({"one": (detector, sample_of(32, 32))}, "cpu", 0)
