import numpy as np
import pytest
from mmcv.transforms import TRANSFORMS, Resize
from mmengine import Config

from common.errors import ConfigError
from common.prediction_pipeline import prediction_pipeline, prediction_steps

LOAD, LABELS = {"type": "LoadImageFromFile"}, {"type": "LoadAnnotations"}
HALF, DOUBLE = {"type": "Resize", "scale_factor": 0.5}, {"type": Resize, "scale_factor": 2.0}


def test_steps_that_load_files_are_left_out():
    cfg = Config({"test_dataloader": {"dataset": {"pipeline": [LOAD, HALF, LABELS, DOUBLE]}}})
    assert [(step["scale_factor"], kind) for step, kind in prediction_steps(cfg, TRANSFORMS)] == [
        (0.5, Resize), (2.0, Resize),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "factor"),
    [
        ({"test": [LOAD, HALF], "val": [LOAD, DOUBLE]}, 0.5),
        ({"val": [LOAD, DOUBLE], "top": [LOAD, HALF]}, 2.0),
        ({"top": [LOAD, HALF]}, 0.5),
    ],
)
def test_the_pipeline_of_the_test_comes_before_that_of_the_validation(content, factor):
    settings = {f"{part}_dataloader": {"dataset": {"pipeline": content[part]}} for part in content if part != "top"}
    cfg = Config({**settings, "test_pipeline": content.get("top")})
    found = prediction_pipeline(cfg, TRANSFORMS)({"img": np.zeros((8, 6, 3), np.uint8)})
    assert found["img"].shape == (8 * factor, 6 * factor, 3)


def test_a_config_without_a_pipeline_is_refused():
    with pytest.raises(ConfigError, match=r"expected test_dataloader\.dataset\.pipeline \(or test_pipeline\)"):
        prediction_steps(Config({"model": {}}), TRANSFORMS)


def test_an_unknown_transform_is_named():
    with pytest.raises(ConfigError, match="known transform in the test pipeline but found 'Rezise'"):
        prediction_steps(Config({"test_pipeline": [{"type": "Rezise"}]}), TRANSFORMS)
