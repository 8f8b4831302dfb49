"""Networks that start at the mean face."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_faces import SCHEME, write_faces

from common.errors import ConfigError
from tasks.landmarks.datasets import PTSFaces
from tasks.landmarks.model import HeatmapModel, LandmarkModel
from tasks.landmarks.networks import HeatmapNetwork, PointRegressor
from tasks.landmarks.start_hook import MeanFaceHook


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    root = write_faces(tmp_path_factory.mktemp("faces") / "data")
    return PTSFaces(str(root), "train", scheme=None, size=48)


def runner(model, faces):
    loader = SimpleNamespace(dataset=SimpleNamespace(dataset=faces))  # seeded, as runs have it
    return SimpleNamespace(model=model, train_loop=SimpleNamespace(dataloader=loader))


def test_first_answers_are_near_the_mean_of_the_training_data(faces):
    torch.manual_seed(0)
    model = LandmarkModel(PointRegressor("mobilenet_v2", SCHEME.num_points, options={"width_mult": 0.1})).eval()
    images = torch.rand(4, 3, 48, 48)
    mean = np.mean([faces[index]["data_samples"].gt_points.numpy() for index in range(len(faces))], axis=0)
    before = (model.network(images) - torch.from_numpy(mean)).abs().max()
    MeanFaceHook(scale=0.01).before_run(runner(model, faces))
    after = (model.network(images) - torch.from_numpy(mean)).abs().max()
    assert after < 0.02 < before


def test_of_a_distillation_it_is_the_student_that_starts_there(faces):
    student = LandmarkModel(PointRegressor("mobilenet_v2", SCHEME.num_points, options={"width_mult": 0.1}))
    MeanFaceHook().before_run(runner(SimpleNamespace(student=student), faces))
    np.testing.assert_allclose(student.network.head.bias.detach(), faces.mean_points(), atol=1e-6)


def test_networks_without_coordinates_are_refused(faces):
    model = HeatmapModel(HeatmapNetwork("mobilenetv2_035", SCHEME.num_points, channels=8))
    with pytest.raises(ConfigError, match="expected a PointRegressor but found HeatmapNetwork"):
        MeanFaceHook().before_run(runner(model, faces))
