"""Two networks that answer as one teacher."""

import math

import pytest
import torch
from conftest import ROOT
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

import tasks.seg  # noqa: F401
from common.config import read_config
from common.errors import ConfigError
from tasks.seg.fusion import ProbabilityFusion

CNN = str(ROOT / "configs" / "seg" / "student_deeplab_mini.py")
SEGFORMER = """
default_scope = 'mmseg'
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[0.0] * 3, std=[255.0] * 3, bgr_to_rgb=True),
    backbone=dict(type='MixVisionTransformer', in_channels=3, embed_dims=4, num_stages=4, num_layers=[1, 1, 1, 1],
                  num_heads=[1, 1, 1, 1], patch_sizes=[7, 3, 3, 3], sr_ratios=[8, 4, 2, 1]),
    decode_head=dict(type='SegformerHead', in_channels=[4, 4, 4, 4], in_index=[0, 1, 2, 3], channels=8,
                     num_classes=CLASSES, align_corners=False, norm_cfg=dict(type='BN'),
                     loss_decode=dict(type='CrossEntropyLoss')),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
"""


@pytest.fixture
def segmentor(tmp_path):
    def build(fusion="mean", classes=11):
        config = tmp_path / f"segformer_{classes}.py"
        config.write_text(SEGFORMER.replace("CLASSES", str(classes)))
        with DefaultScope.overwrite_default_scope("mmseg"):
            torch.manual_seed(0)
            branches = {
                name: dict(config=path, checkpoint=None) for name, path in (("cnn", CNN), ("transformer", config))
            }
            preprocessor = read_config(CNN).model.data_preprocessor
            return MODELS.build(
                dict(type="TwoBranchSegmentor", fusion=fusion, data_preprocessor=preprocessor, test_cfg={}, **branches)
            )

    return build


def labelled(count=2, size=64):
    label = torch.zeros(1, size, size, dtype=torch.long)
    label[:, :, size // 2 :] = 255
    meta = dict.fromkeys(("ori_shape", "img_shape", "pad_shape"), (size, size))
    return [SegDataSample(gt_sem_seg=PixelData(data=label), metainfo=meta) for _ in range(count)]


def scores(*probabilities):
    return torch.tensor(probabilities).log().view(1, len(probabilities), 1, 1)


def test_mean_is_of_probabilities():
    fused = ProbabilityFusion("mean", 2)(scores(0.9, 0.1), scores(0.5, 0.5))
    torch.testing.assert_close(fused.exp().flatten(), torch.tensor([0.7, 0.3]))


def test_scores_are_those_of_the_fused_probabilities_whatever_constant_a_branch_adds():
    fused = ProbabilityFusion("mean", 2)(scores(0.9, 0.1) + 5, scores(0.5, 0.5) - 3)
    torch.testing.assert_close(fused.softmax(1).flatten(), torch.tensor([0.7, 0.3]))


def test_the_surer_network_counts_more_by_its_entropy():
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    other = -(0.4 * math.log(0.4) + 0.6 * math.log(0.6))
    sure, unsure = 1 - entropy / math.log(2), 1 - other / math.log(2)
    expected = (sure * 0.9 + unsure * 0.4) / (sure + unsure)
    fused = ProbabilityFusion("confidence", 2)(scores(0.9, 0.1), scores(0.4, 0.6))
    assert fused.exp().flatten()[0].item() == pytest.approx(expected, rel=1e-5)


def test_two_networks_that_know_nothing_count_alike():
    fusion = ProbabilityFusion("confidence", 2)
    torch.testing.assert_close(fusion.weights(*[torch.full((1, 2, 1, 1), 0.5)] * 2).flatten(), torch.tensor([0.5, 0.5]))


def test_learned_weights_start_at_the_mean_and_sum_to_one():
    torch.manual_seed(0)
    first, second = torch.randn(2, 1, 3, 4, 5).unbind()
    fusion = ProbabilityFusion("learned", 3)
    torch.testing.assert_close(fusion(first, second), ProbabilityFusion("mean", 3)(first, second))
    torch.nn.init.normal_(fusion.weigh[-1].weight)
    torch.testing.assert_close(fusion.weights(first.softmax(1), second.softmax(1)).sum(1), torch.ones(1, 4, 5))


def test_the_finer_grid_is_kept():
    fusion = ProbabilityFusion("mean", 3)
    assert fusion(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 16, 16)).shape == (1, 3, 16, 16)
    assert fusion(torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 8, 8)).shape == (1, 3, 16, 16)


def test_unknown_fusion_is_an_error():
    with pytest.raises(ConfigError, match=r"expected fusion .* but found 'lerned'; did you mean 'learned'"):
        ProbabilityFusion("lerned")


def test_each_branch_sees_images_normalised_its_own_way(segmentor):
    model = segmentor().eval()
    raw = torch.randint(0, 256, (1, 3, 64, 64)).float()
    given = (raw - model.data_preprocessor.mean) / model.data_preprocessor.std
    with torch.no_grad():
        cnn, transformer = model.cnn(given), model.transformer(raw / 255)
        expected = model.fusion(cnn, transformer)
        found = model(given)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert found.shape == (1, 11, 16, 16)


def test_predictions_are_label_maps_of_the_images_size(segmentor):
    model = segmentor().eval()
    with torch.no_grad():
        found = model(torch.randn(2, 3, 64, 64), labelled(), mode="predict")
    assert [sample.pred_sem_seg.data.shape for sample in found] == [(1, 64, 64)] * 2


def test_only_a_learned_fusion_is_trained(segmentor):
    model = segmentor("learned").train()
    assert not model.cnn.training
    assert not model.transformer.training
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name.partition(".")[0] for name in trained} == {"fusion"}
    model(torch.randn(2, 3, 64, 64), labelled(), mode="loss")["loss_fusion"].backward()
    assert model.fusion.weigh[-1].weight.grad.abs().sum() > 0


def test_a_fusion_without_weights_can_not_be_trained(segmentor):
    with pytest.raises(ConfigError, match="expected fusion='learned' to train but found 'mean'"):
        segmentor()(torch.randn(1, 3, 64, 64), labelled(1), mode="loss")


def test_branches_of_other_classes_are_an_error(segmentor):
    with pytest.raises(ConfigError, match="expected two branches of the same classes but found 11 and 12"):
        segmentor(classes=12)
