"""Pairs of landmark networks that can be distilled, and what is said of others."""

import pytest
from mmengine.config import Config, ConfigDict
from small_faces import write_faces

from common.errors import ConfigError
from tasks.landmarks.entry import check_data
from tasks.landmarks.methods import check_pair
from tasks.landmarks.model import num_points_of
from tasks.landmarks.networks import HeatmapNetwork, PointRegressor


def model(kind="PointRegressor", **network):
    return ConfigDict(type="LandmarkModel", network={"type": kind, **network})


@pytest.mark.parametrize(
    ("config", "points"),
    [
        (model(num_points=29), 29),
        (model(), 68),
        (model(PointRegressor), 68),
        (model("HeatmapNetwork"), 68),
        (model("Linear"), None),
        (model("NoSuchNetwork"), None),
        ({"network": HeatmapNetwork("mobilenetv2_035", 5, channels=8)}, 5),
        ({}, None),
    ],
)
def test_number_of_points_is_told_or_the_networks_default(config, points):
    assert num_points_of(config) == points


def test_a_pair_of_the_same_points_is_taken_however_they_are_told():
    for student in (model(), model(num_points=68)):
        for teacher in (model(), model(num_points=68), model("Unknown")):
            check_pair(student, teacher, "teacher.py")


@pytest.mark.parametrize(("student", "teacher"), [({}, {"num_points": 29}), ({"num_points": 98}, {})])
def test_a_pair_of_other_points_is_refused(student, teacher):
    with pytest.raises(ConfigError, match=r"expected a teacher of \d+ points, .* but teacher\.py has \d+"):
        check_pair(model(**student), model(**teacher), "teacher.py")


def test_heat_maps_are_refused():
    with pytest.raises(ConfigError, match="heat maps"):
        check_pair(model(), model("HeatmapNetwork"), "teacher.py")


@pytest.mark.parametrize("network", [{}, {"num_points": 68}])
def test_a_network_of_other_points_than_the_data_is_refused_also_by_default(tmp_path, network):
    faces = {"type": "PTSFaces", "data_root": str(write_faces(tmp_path / "faces")), "scheme": None, "part": "train"}
    cfg = Config({"model": model(**network), "train_dataloader": {"dataset": faces}})
    with pytest.raises(ConfigError, match=r"expected 5 points, .* the network .* has 68"):
        check_data(cfg)
