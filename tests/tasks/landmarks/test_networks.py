"""Networks from images to points."""

import pytest
import torch
from torch import nn

from common.backbones import LITE0_PACKAGE, EfficientNetLite0
from common.cost import count_macs
from common.errors import ConfigError
from tasks.landmarks.networks import HeatmapNetwork, PointRegressor, heatmaps


def numbers(network):
    """Weights and running statistics, as Keras counts parameters."""
    return sum(p.numel() for p in network.parameters()) + sum(b.numel() for b in network.buffers() if b.dim())


def test_student_has_the_published_size():
    """2.42 M and 0.60 GFLOPs in the table of ASMNet, for 68 points at 224 pixels, with two operations a MAC."""
    student = PointRegressor("mobilenet_v2", num_points=68).eval()
    assert numbers(student) == 2_257_984 + 1280 * 136 + 136  # Keras's MobileNetV2 without its top, and the layer
    assert 2 * count_macs(student, torch.zeros(1, 3, 224, 224)) / 1e9 == pytest.approx(0.60, abs=0.02)


def test_teacher_has_the_published_size():
    """About 11.0 M; Keras's EfficientNet-B3 without its top has 10,783,535 with 7 for normalising images."""
    teacher = PointRegressor("efficientnet_b3", num_points=68, dropout=0.5)
    assert numbers(teacher) == 10_783_535 - 7 + 1536 * 136 + 136
    assert teacher.dropout.p == 0.5


@pytest.mark.parametrize("points", [5, 29, 98])
def test_a_point_has_two_outputs(points):
    network = PointRegressor("mobilenet_v2", num_points=points, options={"width_mult": 0.35}).eval()
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 2 * points)


@pytest.mark.parametrize("backbone", ["resnet18", "shufflenet_v2_x0_5", "timm:mobilenetv3_small_050"])
def test_other_backbones_are_taken_by_name(backbone):
    network = PointRegressor(backbone, num_points=5).eval()
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 10)


@pytest.mark.parametrize("bad", [{"backbone": "mobilnet_v2"}, {"backbone": "timm:nothing"}, {"options": {"wide": 2}}])
def test_unknown_backbones_and_options_are_refused(bad):
    with pytest.raises(ConfigError):
        PointRegressor(**bad)


def test_heatmap_network_gives_a_map_of_a_quarter_for_each_point():
    network = HeatmapNetwork("mobilenetv2_050", num_points=5, channels=16).eval()
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 5, 16, 16)
    assert [type(layer[0]) for layer in network.upsampling] == [nn.ConvTranspose2d] * 3


def test_points_of_gaussians_are_found_to_a_quarter_cell():
    points = (torch.rand(4, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5) * 0.9
    found = HeatmapNetwork.points(heatmaps(points, (32, 32), sigma=1.5))
    assert (found - points).abs().max() * 32 <= 0.25 + 1e-6


def test_gaussians_have_their_height_and_width():
    middle = torch.tensor([[0.5 / 8, 0.5 / 8]], dtype=torch.float64)  # the middle of cell (4, 4) of 8
    maps = heatmaps(middle, (8, 8), sigma=1.0)[0, 0]
    assert maps[4, 4] == 1
    assert maps[4, 5] == pytest.approx(torch.exp(torch.tensor(-0.5)).item())
    assert maps[3, 5] == pytest.approx(torch.exp(torch.tensor(-1.0)).item())


def test_a_network_may_look_at_another_size_than_the_crop_has():
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    network = PointRegressor("mobilenet_v2", num_points=5, options={"width_mult": 0.35}, input_size=64).eval()
    larger = nn.functional.interpolate(images, size=(64, 64), mode="bilinear", antialias=True)
    torch.testing.assert_close(network(images), network.head(network.body(larger)))
    torch.testing.assert_close(network(larger), network(images))


def test_installed_weights_start_a_regressor():
    pytest.importorskip(LITE0_PACKAGE)
    network = PointRegressor("timm:tf_efficientnet_lite0", num_points=5, weights="installed")
    stem = EfficientNetLite0(init_cfg={"type": "Pretrained", "checkpoint": "installed"})
    stem.init_weights()
    assert torch.equal(network.body.conv_stem.weight, stem.body.conv_stem.weight)


def test_installed_weights_of_another_network_are_refused():
    with pytest.raises(ConfigError, match="timm:tf_efficientnet_lite0 but found timm:mobilenetv3_small_050"):
        PointRegressor("timm:mobilenetv3_small_050", weights="installed")
