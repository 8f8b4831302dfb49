import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS

import common.classification  # noqa: F401
from common.classification.model import Classifier, class_sample
from common.classification.networks import SmallCNN, SmallResNet, torchvision_network
from common.errors import ConfigError


def batch(count=4, classes=10):
    images = torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return images, [class_sample(i % classes, i) for i in range(count)]


def test_the_loss_is_the_weighted_cross_entropy():
    images, samples = batch()
    model = Classifier({"type": "SmallCNN"}, loss_weight=0.25, label_smoothing=0.1).eval()
    expected = F.cross_entropy(model(images), torch.tensor([0, 1, 2, 3]), label_smoothing=0.1)
    torch.testing.assert_close(model(images, samples, mode="loss"), {"loss_ce": 0.25 * expected})


def test_a_label_beyond_the_networks_classes_is_named():
    images, samples = batch(6)
    with pytest.raises(ConfigError, match=r"expected labels 0 to 4, .* but found 5; set num_classes"):
        Classifier({"type": "SmallCNN", "num_classes": 5})(images, samples, mode="loss")


def test_predictions_are_probabilities_and_the_most_probable_class():
    images, samples = batch()
    model = Classifier(SmallCNN()).eval()
    predicted = model(images, samples, mode="predict")
    logits = model(images)
    torch.testing.assert_close(torch.stack([s.pred_scores for s in predicted]), logits.softmax(1))
    assert [int(s.pred_label) for s in predicted] == logits.argmax(1).tolist()


def test_samples_of_any_shape_are_stacked():
    preprocessor = MODELS.build({"type": "TensorPreprocessor"})
    data = preprocessor({"inputs": [torch.zeros(2, 5, dtype=torch.float64)] * 3, "data_samples": []})
    assert data["inputs"].shape == (3, 2, 5)
    assert data["inputs"].dtype == torch.float32


@pytest.mark.parametrize(("network", "grids"), [(SmallResNet, [8, 4, 2]), (SmallCNN, [8, 4, 2])])
def test_each_stage_but_the_first_halves_the_resolution(network, grids):
    model = network()
    maps, found = batch()[0], []
    for stage in model.stages:
        maps = stage(maps)
        found.append(maps.shape[-1])
    assert found == grids
    assert model(batch()[0]).shape == (4, 10)


def test_the_students_parameters_by_hand():
    widths = (2, 4, 8)
    convolutions = 9 * (1 * 2 + 2 * 4 + 4 * 8)
    norms = 2 * sum(widths)
    assert sum(p.numel() for p in SmallCNN(widths=widths).parameters()) == convolutions + norms + 8 * 10 + 10


def test_the_small_stem_keeps_the_resolution():
    model = torchvision_network("resnet18", num_classes=100, small_images=True).eval()
    images = torch.zeros(1, 3, 32, 32)
    assert model.maxpool(model.conv1(images)).shape == (1, 64, 32, 32)
    assert model(images).shape == (1, 100)


@pytest.mark.parametrize(
    ("cfg", "message"),
    [
        ({"type": "torchvision_network", "name": "resnet19"}, "expected a network of torchvision but found 'resnet19'"),
        ({"type": "torchvision_network", "name": "vgg11", "small_images": True}, "expected a ResNet .* 'vgg11'"),
        ({"type": "timm_network", "name": "mobilnetv1_100"}, "no network 'mobilnetv1_100' in timm.*mobilenetv1_100"),
    ],
)
def test_a_network_that_is_not_there_is_named(cfg, message):
    with pytest.raises(ConfigError, match=message):
        MODELS.build(cfg)
