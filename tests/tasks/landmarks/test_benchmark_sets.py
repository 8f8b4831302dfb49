"""The data sets that configs name, built from a few faces in the layouts of the published ones."""

import numpy as np
import pytest
import torch
from conftest import ROOT
from landmark_sets import write_300w, write_cofw, write_wflw

from common.config import read_config
from tasks.landmarks.crop import apply, in_pixels
from tasks.landmarks.datasets import build_dataset
from tasks.landmarks.entry import score
from tasks.landmarks.model import LandmarkModel
from tasks.landmarks.networks import PointRegressor

SPLITS = ("train", "val", "test")


def write_both(write, root):
    for part in ("train", "test"):
        write(root, part)
    return root


WRITERS = {
    "w300": write_300w,
    "cofw": lambda root: write_both(write_cofw, root),
    "wflw": lambda root: write_both(write_wflw, root),
}


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    return {name: write(tmp_path_factory.mktemp("sets") / name) for name, write in WRITERS.items()}


def built(roots, name, split, config="student"):
    """A split as a config has it."""
    cfg = read_config(ROOT / "configs" / "landmarks" / f"{config}_{name}.py")
    return build_dataset(cfg, split, str(roots[name.removesuffix("_paper")]))


# Faces in train, val and test. A tenth validates, or a single image; of WFLW one has two of the three faces.
COUNTS = {"w300": (5, 1, 6), "cofw": (3, 1, 4), "wflw": (2, 1, 3), "w300_paper": (5, 1, 6), "cofw_paper": (3, 1, 4)}


@pytest.mark.parametrize("name", COUNTS)
def test_every_split_gives_crops_of_224_pixels_with_the_schemes_points(roots, name):
    points = {"w300": 68, "cofw": 29, "wflw": 98}[name.removesuffix("_paper")]
    for split, count in zip(SPLITS, COUNTS[name], strict=True):
        dataset = built(roots, name, split)
        assert (len(dataset), dataset.scheme.num_points) == (count, points)
        assert (dataset.augment is not None) == (split == "train")
        sample = dataset[0]
        assert sample["inputs"].shape == (3, 224, 224)
        labels = sample["data_samples"]
        crop = apply(labels.to_crop.numpy(), labels.image_points.double().numpy())
        np.testing.assert_allclose(in_pixels(labels.gt_points.double().numpy(), 224), crop.ravel(), atol=1e-2)


def test_subsets_and_attributes_of_the_test_faces_are_told(roots):
    assert built(roots, "w300", "test").metainfo["subsets"] == ["challenging", "common"]
    wflw = built(roots, "wflw", "test")
    assert wflw.metainfo["attributes"] == ["pose", "expression", "illumination", "make-up", "occlusion", "blur"]
    assert wflw[2]["data_samples"].gt_attributes.tolist() == [True, False, False, False, False, True]


@pytest.mark.parametrize(
    ("name", "points", "parts", "absent"),
    [
        ("w300", 68, {"common", "challenging"}, set()),
        ("wflw", 98, {"pose", "occlusion", "blur"}, {"expression", "illumination", "make-up"}),
    ],
)
def test_scores_of_a_checkpoint_are_told_by_subset_and_attribute(roots, tmp_path, name, points, parts, absent):
    options = {"width_mult": 0.1}
    torch.manual_seed(0)
    model = LandmarkModel(PointRegressor("mobilenet_v2", points, options=options))
    torch.save({"state_dict": model.state_dict()}, tmp_path / "net.pth")
    small = {"model.network.options": options, "test_dataloader.dataset.size": 32}
    config = ROOT / "configs" / "landmarks" / f"student_{name}.py"
    scores = score(config, tmp_path / "net.pth", "test", str(roots[name]), "cpu", small)
    for metric in ("nme_ocular", "nme_pupil", "nme_box", "fr10_ocular", "auc10_ocular"):
        assert {f"{metric}_{part}" for part in parts} <= scores.keys()
    assert not any(key.endswith(part) for key in scores for part in absent)
    # Two of 300W's three test folders are common; of WFLW's three faces one is posed and the same one blurred.
    if name == "w300":
        assert scores["nme_box"] == pytest.approx((2 * scores["nme_box_common"] + scores["nme_box_challenging"]) / 3)
    else:
        assert scores["nme_pupil_pose"] == scores["nme_pupil_blur"] != scores["nme_pupil_occlusion"]


def test_faces_of_wflw_with_attributes_are_drawn_as_often_as_the_authors_have_copies(roots):
    """One is occluded: 5 copies and 8 more. The other is posed and blurred: 5, and 20 and 2 more."""
    dataset = built(roots, "wflw", "train")
    attributes = [[name for name, has in face.attributes.items() if has] for face in dataset.faces]
    assert attributes == [["occlusion"], ["pose", "blur"]]
    np.testing.assert_allclose(5 * np.array(dataset.weights), [13, 27])


def test_the_papers_crops_of_300w_are_the_points_and_ten_pixels(roots):
    dataset = built(roots, "w300_paper", "test")
    for number, face in enumerate(dataset.faces):
        first, last = face.points.min(axis=0) - 10, face.points.max(axis=0) + 10
        corners = apply(dataset[number]["data_samples"].to_crop.numpy(), np.array([first, last], np.float64))
        np.testing.assert_allclose(corners, [[-0.5, -0.5], [223.5, 223.5]], atol=1e-4)


def test_the_papers_crops_of_cofw_are_the_smallest_around_the_box_and_the_points(roots):
    """The box is (2, 3) to (22, 13), counted from 0; points of face i go from (0, i + 1) to (28, i + 1)."""
    dataset = built(roots, "cofw_paper", "test")
    for number in range(len(dataset)):
        corners = np.array([[0, min(3, number + 1)], [28, 13]], np.float64)
        found = apply(dataset[number]["data_samples"].to_crop.numpy(), corners)
        np.testing.assert_allclose(found, [[-0.5, -0.5], [223.5, 223.5]], atol=1e-4)


def test_the_tolerant_teacher_of_the_papers_crops_has_soft_points_of_varied_crops(roots):
    dataset = built(roots, "w300_paper", "train", "tolerant")
    labels = dataset[0]["data_samples"]
    expected = dataset.shape_model.project(labels.gt_points.double().numpy())
    np.testing.assert_allclose(labels.gt_soft.numpy(), expected, atol=1e-5)
