"""Faces as samples."""

import dataclasses

import numpy as np
import pytest
import torch
from small_faces import COLOURS, COUNTS, SCHEME, write_faces

from common.errors import ConfigError, DataError
from common.landmark_files import read_folder
from common.sampling import SeededDataset
from tasks.landmarks.crop import apply, in_pixels, invert
from tasks.landmarks.datasets import PTSFaces
from tasks.landmarks.face_dataset import FaceDataset

DULL = {"gamma": 0, "noise": 0, "blur": 0, "rectangles": 0}


STILL = {**DULL, "rotation": 0.0, "scale": 0.0, "shift": 0.0}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("faces") / "data")


def data(faces, part="train", **settings):
    return PTSFaces(str(faces), part, scheme=None, size=48, **settings)


def colours_at(sample, size=48):
    """The crop's colours at the points."""
    points = in_pixels(sample["data_samples"].gt_points.view(-1, 2).numpy(), size).round().astype(int)
    return [tuple(sample["inputs"][:, y, x].tolist()) for x, y in points]


def assert_points_on_their_dots(sample):
    for found, colour in zip(colours_at(sample), COLOURS, strict=True):
        assert np.abs(np.subtract(found, colour)).max() < 110  # edges of a dot are mixed; other dots differ by 255


def test_points_lie_on_what_is_drawn(faces):
    dataset = data(faces)
    assert len(dataset) == COUNTS["train"]
    for index in range(len(dataset)):
        assert_points_on_their_dots(dataset[index])


def test_points_stay_on_what_is_drawn_in_every_view(faces):
    """A mirrored face shows the dot of point 1 where point 0 is, since points keep their side of the face."""
    dataset = data(faces, augment={**DULL, "flip": 1.0}, views=3)
    order = list(SCHEME.flip)
    for index in range(len(dataset)):
        found = colours_at(dataset[index])
        for colour, expected in zip(found, [COLOURS[point] for point in order], strict=True):
            assert np.abs(np.subtract(colour, expected)).max() < 110


def test_a_stretched_crop_is_the_box_and_its_pixels(faces):
    dataset = data(faces, stretch=3)
    for number, face in enumerate(dataset.faces):
        sample = dataset[number]
        assert_points_on_their_dots(sample)
        crop = in_pixels(sample["data_samples"].gt_points.view(-1, 2).numpy(), 48)
        # The points' box is as wide and high as the crop, but for 3 pixels of the image on each side.
        edges = 3 * 48 / (np.ptp(face.points, axis=0) + 6)
        np.testing.assert_allclose(crop.min(axis=0), edges - 0.5, atol=1e-3)
        np.testing.assert_allclose(crop.max(axis=0), 47.5 - edges, atol=1e-3)


def test_stretched_crops_are_varied_and_points_stay_on_what_is_drawn(faces):
    dataset = data(faces, stretch=6, augment={**DULL, "flip": 0.0, "rotation": 30.0}, views=3)
    for index in range(len(dataset)):
        assert_points_on_their_dots(dataset[index])
    maps = [dataset[index]["data_samples"].to_crop for index in (0, COUNTS["train"])]
    assert not torch.allclose(*maps)


def test_stretched_views_are_mirrored_with_their_points(faces):
    plain, mirrored = (data(faces, stretch=6, augment={**STILL, "flip": flip}, views=1)[2] for flip in (0.0, 1.0))
    expected = plain["data_samples"].gt_points.view(-1, 2) * torch.tensor([-1.0, 1.0])
    torch.testing.assert_close(mirrored["data_samples"].gt_points.view(-1, 2), expected[list(SCHEME.flip)])


def test_stretched_views_follow_from_the_seed(faces):
    first, again, other = (data(faces, stretch=4, augment={}, views=2, view_seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first[9]["inputs"], again[9]["inputs"])
    assert not torch.equal(first[9]["inputs"], other[9]["inputs"])
    seeded = SeededDataset(data(faces, stretch=4, augment={}))
    assert torch.equal(seeded[(2, 7, 100)]["inputs"], seeded[(2, 7, 100)]["inputs"])
    assert not torch.equal(seeded[(2, 7, 101)]["inputs"], seeded[(2, 7, 100)]["inputs"])


def test_crops_may_follow_the_smallest_box_around_the_annotated_one_and_the_points(faces):
    face = dataclasses.replace(
        data(faces).faces[0],
        points=np.array([[20, 30], [40, 30], [30, 40], [22, 50], [38, 50]], np.float32),
        box=np.array([24, 10, 60, 44], np.float32),
    )
    (sample,) = (FaceDataset([face], SCHEME, size=48, box="union", stretch=0)[0],)
    corners = apply(sample["data_samples"].to_crop.numpy(), np.array([[20.0, 10.0], [60.0, 50.0]]))
    np.testing.assert_allclose(corners, [[-0.5, -0.5], [47.5, 47.5]], atol=1e-9)


@pytest.mark.parametrize("stretch", [None, 5])
def test_the_map_leads_back_to_the_image(faces, stretch):
    sample = data(faces, augment={**DULL}, views=2, stretch=stretch)[11]["data_samples"]
    crop = in_pixels(sample.gt_points.view(-1, 2).double().numpy(), 48)
    back = apply(invert(sample.to_crop.numpy()), crop)
    assert back == pytest.approx(sample.image_points.numpy(), abs=1e-3)


def test_fixed_views_repeat_and_differ(faces):
    dataset = data(faces, augment={}, views=4)
    assert dataset.deterministic
    assert len(dataset) == 4 * COUNTS["train"]
    again = data(faces, augment={}, views=4)
    assert torch.equal(dataset[9]["inputs"], again[9]["inputs"])
    assert not torch.equal(dataset[9]["inputs"], dataset[9 + COUNTS["train"]]["inputs"])
    assert dataset[9]["data_samples"].gt_index == 9


def test_random_views_follow_from_seed_and_position(faces):
    seeded = SeededDataset(data(faces, augment={}))
    first = seeded[(2, 7, 100)]
    assert torch.equal(seeded[(2, 7, 100)]["inputs"], first["inputs"])
    assert not torch.equal(seeded[(2, 7, 101)]["inputs"], first["inputs"])
    assert not torch.equal(seeded[(2, 8, 100)]["inputs"], first["inputs"])


def test_soft_points_are_the_projection_of_the_points(faces):
    dataset = data(faces, augment=DULL, views=2, soft={"variance": 0.9})
    sample = dataset[3]["data_samples"]
    expected = dataset.shape_model.project(sample.gt_points.double().numpy())
    assert sample.gt_soft.numpy() == pytest.approx(expected, abs=1e-6)
    assert not torch.allclose(sample.gt_soft, sample.gt_points, atol=1e-4)
    assert "gt_soft" not in data(faces)[0]["data_samples"]


def test_fingerprint_tells_other_views_from_these(faces):
    plain = data(faces, augment={}, views=2)
    assert plain.fingerprint == data(faces, augment={}, views=2).fingerprint
    others = [data(faces, augment={"flip": 0.1}, views=2), data(faces, augment={}, views=2, view_seed=1), data(faces)]
    assert len({plain.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_fingerprint_tells_other_boxes_from_these_where_crops_follow_them(faces):
    first, second = (
        [dataclasses.replace(face, box=np.array([0, 0, side, side], np.float32)) for face in data(faces).faces]
        for side in (40, 41)
    )
    for box in ("annotated", "union"):
        told = [FaceDataset(some, SCHEME, box=box).fingerprint for some in (first, first, second)]
        assert told[0] == told[1] != told[2]
    assert FaceDataset(first, SCHEME).fingerprint == FaceDataset(second, SCHEME).fingerprint


def marked(root, **attributes):
    """Two faces, the second with attributes."""
    first, second = read_folder(root / "train")[:2]
    return [first, dataclasses.replace(second, attributes=attributes)]


def test_faces_with_attributes_are_drawn_more_often(faces):
    more = FaceDataset(marked(faces, pose=True, blur=True, dark=False), SCHEME, oversample={"pose": 4, "blur": 0.5})
    assert more.weights == [1, 5.5]
    assert data(faces).weights is None
    views = FaceDataset(marked(faces, pose=True), SCHEME, augment={"flip": 0.5}, views=3, oversample={"pose": 1})
    assert views.weights == [1, 2] * 3
    assert SeededDataset(views).weights == views.weights


@pytest.mark.parametrize(
    ("oversample", "told"),
    [
        ({"poze": 1}, "oversample: no attribute 'poze'; did you mean 'pose'"),
        ({"x": 1}, "oversample: no attribute 'x'; there are pose"),
        ({"pose": -1}, "a number of at least 0 for 'pose' but found -1"),
    ],
)
def test_draws_that_make_no_sense_are_refused(faces, oversample, told):
    with pytest.raises(ConfigError, match=told):
        FaceDataset(marked(faces, pose=False), SCHEME, oversample=oversample)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"views": 2}, "augment"),
        ({"views": 0, "augment": {}}, "views"),
        ({"stretch": -1}, "stretch of 0 or more pixels but found -1"),
        ({"box": "tight"}, "tight"),
        ({"part": "all"}, "all"),
    ],
)
def test_settings_that_make_no_sense_are_refused(faces, settings, told):
    with pytest.raises(ConfigError, match=told):
        data(faces, **settings)


def test_faces_of_another_scheme_are_named(faces):
    with pytest.raises(DataError, match=r"68.*5"):
        FaceDataset(data(faces).faces, "68")


@pytest.mark.parametrize("box", ["annotated", "union"])
def test_a_set_without_boxes_cannot_be_cropped_by_them(faces, box):
    with pytest.raises(DataError, match="box"):
        data(faces, box=box)


def test_attributes_are_told_of_each_face_in_the_order_of_the_sets_names(faces):
    dataset = FaceDataset(marked(faces, pose=True, blur=False), SCHEME)
    assert dataset.metainfo["attributes"] == ["pose", "blur"]
    found = [dataset[index]["data_samples"].gt_attributes.tolist() for index in range(2)]
    assert found == [[False, False], [True, False]]
    assert "gt_attributes" not in data(faces)[0]["data_samples"]
