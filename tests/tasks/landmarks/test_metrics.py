import math

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement
from scipy.integrate import simpson
from scipy.stats import norm

from common.errors import ConfigError, DataError
from common.landmark_files.pts import read_pts
from common.landmark_files.scheme import SCHEMES, LandmarkScheme
from tasks.landmarks.metrics import (
    LandmarkScores,
    auc,
    auc_paper,
    ced,
    describe_distance,
    face_distances,
    failure_rate,
    landmark_scores,
    nme,
    point_errors,
    region_errors,
)

# Two faces of three points, 10 and 20 pixels from point 0 to point 1.
GT = np.array([[[0, 0], [10, 0], [5, 5]], [[0, 0], [0, 20], [5, 5]]], float)
SCHEME = LandmarkScheme("three", 3, (1, 0, 2), ((0,), (1,)))


def log_normal(mean, failures):
    """Errors of 100,000 faces with a mean, of which a share is above 0.1."""
    z = norm.isf(failures)
    # ln(0.1) = mu + z sigma, and ln(mean) = mu + sigma^2 / 2.
    sigma = z - math.sqrt(z**2 - 2 * math.log(0.1 / mean))
    mu = math.log(mean) - sigma**2 / 2
    return np.exp(mu + sigma * norm.ppf((np.arange(100_000) + 0.5) / 100_000))


def test_point_errors_are_distances_in_pixels():
    moved = GT + np.array([3.0, 4.0])
    moved[1, 2] = GT[1, 2]
    assert point_errors(moved, GT).tolist() == [[5, 5, 5], [5, 5, 0]]


def test_nme_is_the_mean_over_points_by_the_distance_of_each_face():
    moved = GT.copy()
    moved[0, 0, 0] += 3  # 1 pixel on average
    moved[1, :, 1] -= 4
    assert nme(moved, GT, SCHEME.distance(GT)).tolist() == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize(
    ("pred", "distances", "message"),
    [
        (GT[:, :2], [1, 1], r"one shape but found \(2, 2, 2\) and \(2, 3, 2\)"),
        (GT, [1], "a distance for each of 2 faces"),
        (GT, [1, 0], "distances above 0 but found 0"),
        (GT, [1, np.nan], "distances above 0 but found nan"),
    ],
)
def test_what_does_not_fit_is_refused(pred, distances, message):
    with pytest.raises(ValueError, match=message):
        nme(pred, GT, np.array(distances, float))


@pytest.mark.parametrize("score", [ced, auc_paper, lambda errors: auc(errors, 0.1)])
def test_no_faces_have_no_score(score):
    with pytest.raises(ValueError, match="at least one"):
        score(np.array([]))


def test_a_face_at_the_threshold_does_not_fail():
    assert failure_rate(np.array([0.05, 0.1, 0.2, 0.11]), 0.1) == 0.5


def test_cumulative_errors_hold_the_faces_with_at_most_such_an_error():
    levels, shares = ced(np.array([0.0, 0.05, 0.5, 0.1]), up_to=0.1, steps=2)
    assert levels.tolist() == [0, 0.05, 0.1]
    assert shares.tolist() == [0.25, 0.5, 0.75]


def test_area_is_the_mean_of_what_is_left_below_the_threshold():
    assert auc(np.zeros(3), 0.08) == 1
    assert auc(np.array([0.02, 0.5]), 0.1) == pytest.approx((0.8 + 0) / 2)


@pytest.mark.parametrize("threshold", [0.05, 0.08, 0.1])
def test_area_agrees_with_simpsons_rule_as_pipnet_and_star_take_it(threshold):
    errors = np.random.default_rng(0).gamma(4, 0.015, size=200)
    step = 1e-4
    levels, shares = ced(errors, threshold, round(threshold / step))
    assert abs(auc(errors, threshold) - simpson(shares, x=levels) / threshold) < step / threshold


def test_area_of_the_paper_of_a_network_without_errors_is_095():
    assert auc_paper(np.zeros(7)) == pytest.approx(0.95)


def test_area_of_the_paper_weighs_large_errors_most():
    # Of t_k = 0.1 k / 19 those from k = 10 on are above 0.05: the sum of 0.1 / 19 (k - 1/2), k = 10 to 19.
    assert auc_paper(np.array([0.05])) == pytest.approx(0.1 / 19 * (145 - 5))
    assert auc_paper(np.array([0.3])) == 0


@pytest.mark.parametrize(
    ("mean", "failures", "published", "standard"),
    # 300W, both teachers, common and full: NME, failure rate and AUC as published.
    [(0.0356, 0.0018, 0.8356, 0.643), (0.0406, 0.0087, 0.7900, 0.595)],
)
def test_published_areas_follow_from_the_formula_of_the_paper(mean, failures, published, standard):
    errors = log_normal(mean, failures)
    assert errors.mean() == pytest.approx(mean, abs=2e-5)
    assert auc_paper(errors) == pytest.approx(published, abs=0.01)  # 0.18 % of 554 faces is a single one
    assert auc(errors, 0.1) == pytest.approx(standard, abs=0.002)


def test_regions_average_their_points():
    errors = np.array([[1.0, 3.0, 5.0], [0.0, 2.0, 8.0]])
    found = region_errors(errors, {"left": (0, 1), "tip": (2,)})
    assert {name: each.tolist() for name, each in found.items()} == {"left": [2, 1], "tip": [5, 8]}


@pytest.mark.parametrize(
    ("scheme", "kind", "words"),
    [
        ("68", "ocular", "inter-ocular 36-45"),
        ("98", "ocular", "inter-ocular 60-72"),
        ("29", "pupil", "inter-pupil 16-17"),
        ("68", "pupil", "inter-pupil (means of 36..41 and 42..47)"),
        ("29", "box", "root of the area of the points' box"),
    ],
)
def test_distances_are_told_by_their_points(scheme, kind, words):
    assert describe_distance(SCHEMES[scheme], kind) == words


def test_faces_without_a_distance_are_named():
    points = np.repeat(GT, 4, axis=0)
    points[[1, 2], 1] = points[[1, 2], 0]
    points[3, 0] = np.nan
    with pytest.raises(DataError, match=r"inter-ocular 0-1\) but found none for b, c, d; mend"):
        face_distances(SCHEME, points, "ocular", "abcdefgh")


def test_many_faces_without_a_distance_are_counted():
    with pytest.raises(DataError, match=r"for 0, 1, 2, 3, 4 and 3 more;"):
        face_distances(SCHEME, np.zeros((8, 3, 2)), "ocular", [str(place) for place in range(8)])


def test_pupils_are_nearer_than_the_corners_of_the_eyes_by_the_known_ratio(shared_data):
    """0.71 on 300W, by the middles of the eyes (LAB, issue 15)."""
    files = sorted((shared_data / "faces68" / "val").glob("*.pts"))[:60]
    points = np.stack([read_pts(file, 68) for file in files])
    ratio = SCHEMES["68"].distance(points, "pupil").mean() / SCHEMES["68"].distance(points).mean()
    assert ratio == pytest.approx(0.71, abs=0.03)


def test_scores_are_in_percent_and_faces_fail_by_the_distance_that_is_asked_for():
    errors = {"ocular": np.array([0.04, 0.09, 0.2]), "box": np.array([0.01, 0.02, 0.09])}
    assert landmark_scores(errors, "box") == pytest.approx(
        {
            "nme_ocular": 11,
            "nme_box": 4,
            "fr8_box": 100 / 3,
            "fr10_box": 0,
            "auc8_box": 100 * (7 + 6 + 0) / 24,
            "auc10_box": 100 * (9 + 8 + 1) / 30,
        }
    )
    assert landmark_scores(errors)["fr10_ocular"] == pytest.approx(100 / 3)


def samples(moves, subsets=None, attributes=None):
    """The faces of `GT` in turn, each point moved right by so many pixels."""
    found = []
    for index, move in enumerate(moves):
        gt = torch.from_numpy(GT[index % 2]).float()
        fields = {"pred_points": gt + torch.tensor([move, 0.0]), "image_points": gt, "gt_index": torch.tensor(index)}
        if subsets:
            fields["gt_subset"] = torch.tensor(subsets[index])
        if attributes:
            fields["gt_attributes"] = torch.tensor(attributes[index])
        found.append(BaseDataElement(**fields))
    return found


def measured(found, **metainfo):
    """Scores by the engine's evaluator, in two batches."""
    evaluator = Evaluator([{"type": "LandmarkScores"}])
    evaluator.dataset_meta = metainfo
    evaluator.process(found[:1], None)
    evaluator.process(found[1:], None)
    return evaluator.evaluate(len(found))


THREE = {"name": "three", "points": 3, "flip_pairs": [[0, 1]], "ocular": [0, 1]}


def test_the_engine_measures_faces_of_the_scheme_that_the_data_set_tells():
    scores = measured(samples([1.0, 1.0]), scheme=THREE)
    assert scores["nme_ocular"] == pytest.approx((10 + 5) / 2)
    assert scores["fr8_ocular"] == 50
    assert set(scores) == {f"{name}_ocular" for name in ("nme", "fr8", "fr10", "auc8", "auc10")} | {"nme_box"}


def test_the_engine_measures_subsets_where_there_are_several():
    found = samples([1.0, 1.0, 2.0], subsets=[0, 1, 0])
    scores = measured(found, scheme=THREE, subsets=["common", "challenging", "none"])
    assert scores["nme_ocular_common"] == pytest.approx(15)
    assert scores["nme_ocular_challenging"] == pytest.approx(5)
    # Shares of 10 and 20 pixels, of which 5 % is below both thresholds, and 20 % above.
    assert (scores["fr8_ocular_common"], scores["fr10_ocular_challenging"]) == (100, 0)
    assert scores["auc10_ocular_challenging"] == pytest.approx(50)
    assert scores["nme_box_challenging"] == pytest.approx(100 / math.sqrt(100))  # its points' box is 5 x 20
    assert not any(name.endswith("none") for name in scores)
    assert not any(name.startswith("nme_ocular_") for name in measured(found, scheme=THREE, subsets=["all"]))


def test_the_engine_measures_the_faces_with_each_attribute():
    """Errors are 10, 5 and 20 %; a face may have several attributes."""
    has = [[True, False, False], [True, True, False], [False, True, False]]
    scores = measured(samples([1.0, 1.0, 2.0], attributes=has), scheme=THREE, attributes=["pose", "make-up", "blur"])
    assert scores["nme_ocular_pose"] == pytest.approx(7.5)
    assert scores["nme_ocular_make-up"] == pytest.approx(12.5)
    assert scores["fr10_ocular_make-up"] == 50
    assert not any(name.endswith("blur") for name in scores)
    plain = {name for name in scores if not name.endswith(("_pose", "_make-up"))}
    assert scores.keys() == plain | {f"{name}_{part}" for name in plain for part in ("pose", "make-up")}


def test_subsets_and_attributes_are_measured_side_by_side():
    found = samples([1.0, 2.0], subsets=[0, 1], attributes=[[True], [True]])
    scores = measured(found, scheme=THREE, subsets=["a", "b"], attributes=["pose"])
    assert [scores[f"nme_ocular{end}"] for end in ("", "_a", "_b", "_pose")] == pytest.approx([10, 10, 10, 10])


def test_a_scheme_of_the_metric_goes_before_the_data_sets():
    metric = LandmarkScores(scheme=SCHEME)
    metric.process({}, [sample.to_dict() for sample in samples([0.0])])
    assert metric.evaluate(1)["nme_ocular"] == 0


def test_predictions_of_another_scheme_are_refused():
    with pytest.raises(
        ConfigError, match="expected 68 points, as in scheme '68', but found 3 predicted and 3 labelled"
    ):
        measured(samples([0.0, 0.0]), scheme="68")


def test_a_data_set_that_tells_no_scheme_is_refused():
    with pytest.raises(ConfigError, match="LandmarkScores with scheme="):
        measured(samples([0.0, 0.0]))


def test_a_face_without_a_distance_is_named_by_its_place():
    found = samples([0.0, 0.0])
    found[1].image_points[:] = 0
    with pytest.raises(DataError, match="found none for face 1;"):
        measured(found, scheme=THREE)
