"""What is kept of a tolerant teacher's shape model."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from square_faces import POINTS, SCHEME

from tasks.landmarks.shape_hook import ShapeModelHook
from tasks.landmarks.shape_model import ShapeModel
from tasks.landmarks.shape_pictures import draw_modes


@pytest.fixture
def model():
    shapes = POINTS.ravel() / 30 - 0.5 + np.random.default_rng(0).normal(0, 0.05, (20, 10))
    return ShapeModel.fit(shapes, variance=0.9)


def run(folder, model):
    dataset = SimpleNamespace(dataset=SimpleNamespace(shape_model=model, scheme=SCHEME))
    runner = SimpleNamespace(
        train_dataloader=SimpleNamespace(dataset=dataset), work_dir=str(folder), logger=logging.getLogger("hook")
    )
    ShapeModelHook().before_train(runner)
    return sorted(path.name for path in folder.iterdir())


def test_numbers_and_a_picture_stand_beside_the_checkpoints(tmp_path, model):
    assert run(tmp_path, model) == ["shape_model.npz", "shape_model.png"]
    picture = np.asarray(Image.open(tmp_path / "shape_model.png"))
    np.testing.assert_array_equal(picture, draw_modes(model, SCHEME))


def test_data_without_a_shape_model_leave_nothing(tmp_path):
    assert run(tmp_path, None) == []
