import dataclasses

import numpy as np
import pytest
import torch
from square_faces import POINTS, SCHEME, Faces, Shifted, face, network

from common.errors import CheckpointError, ConfigError, DataError
from common.landmark_files.scheme import SCHEMES
from tasks.landmarks.evaluation import evaluate_networks
from tasks.landmarks.results import Settings

TWO = [face("a"), face("b", 2 * POINTS)]  # 10 and 20 pixels from eye to eye


def test_errors_are_measured_in_the_image_and_divided_by_each_face():
    found = evaluate_networks([network("kd", TWO, (3.0, 4.0))], Settings())
    (run,) = found.arms["kd"].runs
    np.testing.assert_allclose(run.errors, [[0.5] * 5, [0.25] * 5], rtol=1e-6)
    np.testing.assert_allclose(run.points, found.points + np.array([3, 4]))
    assert found.scores(run)["nme_ocular"] == pytest.approx(37.5)


def test_errors_can_be_measured_in_stretched_crops():
    stretched = Faces(TWO, to_crop=((1.0, 0, 0), (0, 3.0, 0)))
    found = evaluate_networks([network("kd", stretched, (0.0, 1.0))], Settings(frame="crop"))
    # The eyes stay 10 and 20 pixels apart, and 1 pixel downwards became 3.
    assert found.scores(found.arms["kd"].runs[0])["nme_ocular"] == pytest.approx((30 + 15) / 2)
    assert found.distance == "inter-ocular 0-1, measured in the crop"


def test_the_distance_that_is_asked_for_judges_faces_and_points():
    flat = [face("a", POINTS * [1, 0.4])]  # eyes 10 apart; a box of 10 x 4
    found = evaluate_networks([network("kd", flat, (1.0, 0.0))], Settings(distance="box"))
    (run,) = found.arms["kd"].runs
    assert run.errors[0, 0] == pytest.approx(1 / np.sqrt(40), rel=1e-6)
    assert found.scores(run)["fr10_box"] == 100
    assert found.distance == "root of the area of the points' box"


def test_checkpoints_of_one_name_are_seeds():
    networks = [network("plain", TWO, (2.0, 0.0)), network("kd", TWO, (1.0, 0.0)), network("kd", TWO, (3.0, 0.0))]
    found = evaluate_networks(networks, Settings())
    assert found.values("plain", "nme_ocular") == pytest.approx([15])
    assert found.values("kd", "nme_ocular") == pytest.approx([7.5, 22.5])
    np.testing.assert_allclose(found.arms["kd"].errors, [[0.2] * 5, [0.1] * 5], rtol=1e-6)
    assert found.arms["kd"].cost[:3] == (7690, 7680, 16)
    assert [(name, number) for name, number, _ in found.runs()] == [("plain", 1), ("kd", 1), ("kd", 2)]


def test_subsets_and_attributes_are_parts():
    faces = [
        face("a", subset="common", attributes={"blur": False}),
        face("b", 2 * POINTS, subset="common", attributes={"blur": True}),
        face("c", 4 * POINTS, subset="challenging"),
    ]
    found = evaluate_networks([network("kd", faces, (1.0, 0.0))], Settings())
    told = [(part.name, part.kind, found.values("kd", "nme_ocular", part)[0]) for part in found.parts]
    assert [each[:2] for each in told] == [
        ("all", "all"),
        ("common", "subset"),
        ("challenging", "subset"),
        ("blur", "attribute"),
    ]
    assert [each[2] for each in told] == pytest.approx([17.5 / 3, 7.5, 2.5, 5])


def test_one_subset_is_no_part():
    faces = [face(name, subset="full", attributes={"pose": False}) for name in "ab"]
    assert len(evaluate_networks([network("kd", faces)], Settings()).parts) == 1


def test_regions_average_their_points_and_occluded_ones_stand_apart():
    shift = torch.zeros(5, 2)
    shift[3:] = torch.tensor([3.0, 4.0])
    found = evaluate_networks([network("kd", [TWO[0]], shift)], Settings())
    assert found.regions(found.arms["kd"].runs[0]) == pytest.approx({"eyes": 0, "mouth": 50})
    occluded = [face("a", visible=(True, True, True, True, False))]
    found = evaluate_networks([network("kd", occluded, shift)], Settings())
    regions = found.regions(found.arms["kd"].runs[0])
    assert regions == pytest.approx({"eyes": 0, "mouth": 50, "visible points": 12.5, "occluded points": 50})


def test_a_limit_spreads_evenly():
    faces = [face(str(place), (place + 1) * POINTS) for place in range(4)]
    found = evaluate_networks([network("kd", faces, (1.0, 0.0))], Settings(limit=2))
    assert [each.name for each in found.faces] == ["0", "2"]
    assert found.scores(found.arms["kd"].runs[0])["nme_ocular"] == pytest.approx((10 + 10 / 3) / 2)


def test_more_faces_than_a_batch_keep_their_order():
    faces = [face(str(place), (place + 1) * POINTS) for place in range(70)]
    found = evaluate_networks([network("kd", faces, (1.0, 0.0))], Settings())
    np.testing.assert_allclose(found.arms["kd"].runs[0].nme["ocular"], 0.1 / np.arange(1, 71), rtol=1e-4)


def test_the_crop_of_a_chosen_face_is_the_networks():
    found = evaluate_networks([network("kd", TWO)], Settings())
    image, to_crop = found.crop(1)
    assert image.shape == (16, 16, 3)
    assert image.dtype == np.uint8
    assert to_crop.tolist() == [[0.5, 0, -0.25], [0, 0.5, -0.25]]


def test_images_that_are_in_two_splits_are_told():
    other = Faces([face("b"), face("c")])
    found = evaluate_networks([network("kd", TWO, train=other, val=Faces([face("d")]))], Settings())
    (warning,) = found.warnings
    assert warning.startswith("kd: 1 of 2 images of the test split are in the train split too")


def test_faces_of_one_file_are_told_apart_by_their_place():
    train = Faces([face("faces", index=1)])
    assert not evaluate_networks([network("kd", [face("faces", index=0)], train=train)], Settings()).warnings


def test_copies_are_no_seeds():
    networks = [network("kd", TWO, weights="same"), network("kd", TWO, weights="same")]
    with pytest.raises(CheckpointError, match="same weights"):
        evaluate_networks(networks, Settings())


def test_networks_see_the_same_faces():
    with pytest.raises(
        ConfigError, match="the same test faces for all networks but found 1 for kd and other 2 for plain"
    ):
        evaluate_networks([network("plain", TWO), network("kd", TWO[:1])], Settings())
    moved = [TWO[0], face("b", 2 * POINTS + 1)]
    with pytest.raises(ConfigError, match="the same test faces"):
        evaluate_networks([network("plain", TWO), network("kd", moved)], Settings())


def test_networks_have_one_scheme():
    other = Faces(TWO, dataclasses.replace(SCHEME, name="other"))
    with pytest.raises(ConfigError, match="found 'five' for plain and 'other' for kd"):
        evaluate_networks([network("plain", TWO), network("kd", other)], Settings())


def test_augmented_faces_are_refused():
    dataset = Faces(TWO)
    dataset.augment = object()
    with pytest.raises(ConfigError, match="shows each face once, as it is, for kd; drop augment"):
        evaluate_networks([network("kd", dataset)], Settings())


def test_a_face_without_a_distance_is_named_before_anything_runs():
    dataset = Faces([*TWO, face("closed", np.zeros((5, 2)))])
    dataset.__class__ = type("Unread", (Faces,), {"__getitem__": lambda self, index: pytest.fail("read")})
    with pytest.raises(DataError, match=r"inter-ocular 0-1\) but found none for closed"):
        evaluate_networks([network("kd", dataset)], Settings())


def test_a_distance_that_the_scheme_lacks_is_refused():
    with pytest.raises(ConfigError, match="'five' has no distance 'pupil'; there are ocular, box"):
        evaluate_networks([network("kd", TWO)], Settings(distance="pupil"))


def test_a_network_that_diverged_is_refused():
    with pytest.raises(CheckpointError, match="finite points but kd gives others"):
        evaluate_networks([network("kd", TWO, (float("nan"), 0.0))], Settings())


def test_a_network_of_other_points_is_refused():
    class Fewer(Shifted):
        def test_step(self, batch):
            for sample in super().test_step(batch):
                sample.pred_points = sample.pred_points[:4]
            return batch["data_samples"]

    wrong = network("kd", TWO)
    wrong.model = Fewer()
    with pytest.raises(ConfigError, match="the data's 5 points but kd gives 4"):
        evaluate_networks([wrong], Settings())


def test_schemes_of_the_benchmarks_are_measured_by_pupils_too():
    points = np.random.default_rng(0).uniform(0, 100, (68, 2))
    dataset = Faces([face("a", points, (True,) * 68)], SCHEMES["68"])
    wanted = network("kd", dataset)
    wanted.model.shift = torch.tensor([3.0, 4.0]).expand(68, 2)
    found = evaluate_networks([wanted], Settings())
    middles = [points[first : first + 6].mean(axis=0) for first in (36, 42)]
    expected = 500 / np.linalg.norm(middles[0] - middles[1])
    assert found.values("kd", "nme_pupil") == pytest.approx([expected], rel=1e-5)
