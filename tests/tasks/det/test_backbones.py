"""MobileNet of the first version: its size, its maps, and what it refuses."""

import pytest
import torch
from mmdet.registry import MODELS
from torch import nn

import tasks.det  # noqa: F401
from common.cost import count_macs, count_parameters
from tasks.det.backbones import MobileNetV1


def test_parameters_are_those_of_the_published_network():
    classifier = 1024 * 1000 + 1000
    assert count_parameters(MobileNetV1()) + classifier == 4_231_976  # as Keras and timm count it: "4.2 million"


def test_multiply_accumulates_are_those_of_the_paper():
    macs = count_macs(MobileNetV1().eval(), torch.zeros(1, 3, 224, 224))
    assert round((macs + 1024 * 1000) / 1e6) == 569  # its table 8


@pytest.mark.parametrize(
    ("factor", "channels"),
    [(1.0, (64, 128, 256, 512, 1024)), (0.75, (48, 96, 192, 384, 768)), (0.1, (8, 12, 25, 51, 102))],
)
def test_stages_have_their_channels_at_strides_2_to_32(factor, channels):
    maps = MobileNetV1(factor, out_indices=(0, 1, 2, 3, 4)).eval()(torch.zeros(1, 3, 64, 96))
    sizes = [(64 // stride, 96 // stride) for stride in (2, 4, 8, 16, 32)]
    assert [each.shape[1] for each in maps] == list(channels)
    assert [tuple(each.shape[2:]) for each in maps] == sizes


def test_only_chosen_stages_are_given_and_later_ones_are_not_built():
    model = MobileNetV1(0.25, out_indices=(1, 2)).eval()
    assert [each.shape[1] for each in model(torch.zeros(1, 3, 32, 32))] == [32, 64]
    assert not hasattr(model, "stage3")


def test_a_layer_is_a_depthwise_and_a_pointwise_convolution_each_with_norm_and_relu():
    layers = [layer for layer in MobileNetV1(out_indices=(0,)).modules() if not list(layer.children())]
    assert [type(layer) for layer in layers] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 3
    stem, depthwise, pointwise = layers[::3]
    assert (stem.kernel_size, stem.stride, stem.groups) == ((3, 3), (2, 2), 1)
    assert (depthwise.kernel_size, depthwise.groups, depthwise.in_channels) == ((3, 3), 32, 32)
    assert (pointwise.kernel_size, pointwise.groups, pointwise.out_channels) == ((1, 1), 1, 64)


@pytest.mark.parametrize("fixed", [False, True])
def test_norm_eval_keeps_the_statistics_of_batch_norm(fixed):
    model = MobileNetV1(0.25, out_indices=(0,), norm_eval=fixed).train()
    before = model.stem.bn.running_mean.clone()
    model(torch.randn(2, 3, 16, 16))
    assert torch.equal(model.stem.bn.running_mean, before) == fixed
    assert model.training


def test_other_normalisation_can_be_asked_for():
    model = MobileNetV1(0.25, out_indices=(0,), norm_cfg={"type": "GN", "num_groups": 2})
    kinds = {type(layer) for layer in model.modules()}
    assert nn.GroupNorm in kinds
    assert nn.BatchNorm2d not in kinds


def test_random_start_keeps_the_size_of_activations():
    torch.manual_seed(0)
    model = MODELS.build({"type": "MobileNetV1", "_scope_": "mmdet", "widen_factor": 0.5, "out_indices": (0,)})
    model.init_weights()
    weights = model.stem.conv.weight
    # Kaiming for ReLU by the outputs of a kernel: variance 2 / (16 channels * 9 places).
    assert weights.std().item() == pytest.approx((2 / (16 * 9)) ** 0.5, rel=0.15)


@pytest.mark.parametrize("indices", [(), (5,), (-1, 2)])
def test_stages_that_there_are_not_are_refused(indices):
    with pytest.raises(ValueError, match=r"out_indices within 0\.\.4 but found \("):
        MobileNetV1(out_indices=indices)
