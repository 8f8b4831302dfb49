"""Landmark networks as models of the engine."""

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement
from torch import nn

from common.errors import ConfigError
from common.sample_batch import SampleBatch
from tasks.landmarks.crop import apply, square_crop
from tasks.landmarks.model import HeatmapModel, LandmarkModel
from tasks.landmarks.networks import HeatmapNetwork, heatmaps


class Says(nn.Module):
    """A network that says what it is told."""

    num_points = 2
    points = staticmethod(lambda output: output)

    def __init__(self, output):
        super().__init__()
        self.output = nn.Parameter(output)

    def forward(self, images):
        return self.output


class SaysMaps(Says):
    points = staticmethod(HeatmapNetwork.points)


OUTPUT = torch.tensor([[-0.25, 0.0, 0.25, 0.125]])
IMAGES = torch.zeros(1, 3, 64, 64)


def sample(**fields):
    return SampleBatch(gt_points=torch.zeros(1, 4), gt_soft=OUTPUT.detach().clone(), **fields)


def test_loss_is_the_mean_square_over_coordinates():
    losses = LandmarkModel(Says(OUTPUT))(IMAGES, sample(), mode="loss")
    assert losses["loss_points"].item() == pytest.approx((0.25**2 + 0.25**2 + 0.125**2) / 4)


def test_a_tolerant_teacher_learns_soft_points():
    losses = LandmarkModel(Says(OUTPUT), target="gt_soft")(IMAGES, sample(), mode="loss")
    assert losses["loss_points"].item() == 0


def test_registered_losses_are_taken_by_name():
    model = LandmarkModel(Says(OUTPUT), loss={"type": "wing_loss", "width": 10.0, "curvature": 2.0})
    assert model(IMAGES, sample(), mode="loss")["loss_points"] > 0
    with pytest.raises(ConfigError, match="mze"):
        LandmarkModel(Says(OUTPUT), loss="mze")


def test_weight_zero_leaves_the_labels_to_distillation():
    assert LandmarkModel(Says(OUTPUT), loss_weight=0)(IMAGES, sample(), mode="loss") == {}


def test_predictions_are_pixels_of_the_image():
    matrix = square_crop((100, 50, 160, 120), 64, rotation=15)
    wanted = np.array([[110.0, 60.0], [150.0, 100.0]])
    shares = (apply(matrix, wanted) + 0.5) / 64 - 0.5
    model = LandmarkModel(Says(torch.tensor(shares.reshape(1, 4), dtype=torch.float32))).eval()
    found = model(IMAGES, [BaseDataElement(to_crop=torch.from_numpy(matrix))], mode="predict")[0]
    assert found.pred_points.numpy() == pytest.approx(wanted, abs=1e-3)
    assert found.pred_crop_points.numpy() == pytest.approx(apply(matrix, wanted), abs=1e-3)


def test_another_number_of_points_is_told():
    with pytest.raises(ConfigError, match="3 points"):
        LandmarkModel(Says(OUTPUT))(IMAGES, SampleBatch(gt_points=torch.zeros(1, 6)), mode="loss")


def test_heatmaps_are_learnt_and_read():
    points = torch.tensor([[-0.2, 0.1, 0.3, -0.4]])
    model = HeatmapModel(SaysMaps(heatmaps(points, (16, 16), 1.5)))
    assert model(IMAGES, SampleBatch(gt_points=points), mode="loss")["loss_points"] < 1e-9
    found = model(IMAGES, None, mode="predict")[0].pred_crop_points
    assert found.flatten().numpy() == pytest.approx(((points + 0.5) * 64 - 0.5)[0].numpy(), abs=1.01)
    with pytest.raises(ConfigError, match="3 points"):
        model(IMAGES, SampleBatch(gt_points=torch.zeros(1, 6)), mode="loss")
