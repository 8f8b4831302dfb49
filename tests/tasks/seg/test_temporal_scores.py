import doctest
import math
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from golden_files import load_golden
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from small_runs import network

from common.errors import ConfigError, DataError
from tasks.seg.clips import ClipDataset
from tasks.seg.flow import DISFlow
from tasks.seg.temporal import temporal_consistency, visible_pixels
from tasks.seg.temporal_scores import TemporalConsistency, TemporalScores

CLASSES = ("road", "sky", "car")
SIZE = (6, 8)


def predictions(count, seed=0):
    """Label maps that mostly stay as they are."""
    rng = np.random.default_rng(seed)
    labels = [rng.integers(0, 3, SIZE)]
    for _ in range(count - 1):
        labels.append(np.where(rng.random(SIZE) < 0.2, rng.integers(0, 3, SIZE), labels[-1]))
    return np.stack(labels)


def flows(count, seed=1):
    return np.random.default_rng(seed).normal(0, 2, (count, 2, *SIZE)).astype(np.float32)


def clip_samples(labels, flow, clip="a", **fields):
    """What a network's samples of a clip hold, as the engine hands them to a metric."""
    paths = [f"{clip}/{number:03d}.png" for number in range(len(labels))]
    samples = []
    for place, path in enumerate(paths):
        following = paths[place + 1] if place + 1 < len(paths) else None
        sample = {
            "img_path": path,
            "neighbour_paths": {"next": following},
            "pred_sem_seg": {"data": torch.from_numpy(labels[place])[None]},
            "flow_next": {"data": torch.from_numpy(flow[place] if following else np.zeros_like(flow[0]))},
        }
        samples.append(sample | {name: {"data": torch.from_numpy(value[place])} for name, value in fields.items()})
    return samples


def metric(**options):
    made = TemporalConsistency(**options)
    made.dataset_meta = {"classes": CLASSES}
    return made


def scored(samples, batch=1, **options):
    made = metric(**options)
    for first in range(0, len(samples), batch):
        made.process({}, samples[first : first + batch])
    return made.evaluate(len(samples))


def test_docstrings_compute_what_they_say():
    assert doctest.testmod(sys.modules["tasks.seg.temporal_scores"]).failed == 0


@pytest.mark.parametrize("name", load_golden("tc"))
def test_scores_agree_with_the_reference(name):
    case = load_golden("tc")[name]
    scores = TemporalScores(int(case["hp.classes"]), warping="bilinear", absent_as_zero=True)
    for before, after, flow in zip(case["predictions"], case["predictions"][1:], case["flow"], strict=False):
        scores.update(before, after, flow)
    result = scores.compute()
    assert result["TC"] == pytest.approx(100 * float(case["tc"]), abs=1e-8)
    present = case["union"] > 0
    assert result["TC_per_class"][present] == pytest.approx(100 * case["iou_per_class"][present], abs=1e-8)
    assert np.isnan(result["TC_per_class"][~present]).all()
    assert result["pairs"] == len(case["flow"])


def test_pairs_may_come_one_by_one_or_together_or_from_several_processes():
    labels, flow = predictions(5), flows(4)
    together, by_one, other = (TemporalScores(3) for _ in range(3))
    together.update(labels[:-1], labels[1:], flow)
    for place in range(4):
        (by_one if place < 3 else other).update(labels[place], labels[place + 1], flow[place])
    by_one.add(other.sums)
    expected, found = together.compute(), by_one.compute()
    for key, value in expected.items():
        np.testing.assert_equal(found[key], value)
    assert expected["TC"] == pytest.approx(100 * temporal_consistency(labels[:-1], labels[1:], flow, 3))


def test_flicker_is_the_share_of_a_classs_pixels_that_change():
    scores = TemporalScores(4)
    # Of four pixels of 0 one becomes 1; of two of 1 both become 2; 2 is new, 3 nowhere.
    before, after = np.array([[0, 0, 0, 0, 1, 1]]), np.array([[0, 0, 0, 1, 2, 2]])
    scores.update(before, after, np.zeros((2, 1, 6), np.float32))
    result = scores.compute()
    assert result["flicker_per_class"] == pytest.approx([25, 100, math.nan, math.nan], nan_ok=True)
    assert result["flicker"] == pytest.approx((25 + 100) / 2)
    assert result["changed"] == pytest.approx(100 * 3 / 6)


def test_flicker_follows_the_flow_and_the_mask():
    before, after = np.array([[0, 1, 1, 1]]), np.array([[0, 0, 1, 0]])
    to_the_right = np.zeros((2, 1, 4), np.float32)
    to_the_right[0] = 1
    scores = TemporalScores(2)
    scores.update(before, after, to_the_right)  # against 0 1 0 0
    assert scores.compute()["flicker_per_class"] == pytest.approx([0, 100 * 2 / 3])
    scores = TemporalScores(2)
    scores.update(before, after, to_the_right, visible=visible_pixels(to_the_right))  # the last pixel leaves
    assert scores.compute()["flicker_per_class"] == pytest.approx([0, 50])


def test_nothing_yet_is_nan():
    result = TemporalScores(2).compute()
    assert all(math.isnan(result[name]) for name in ("TC", "flicker", "changed"))


def test_an_unknown_warping_is_refused():
    with pytest.raises(ValueError, match=r"expected warping to be one of .* but found 'cubic'"):
        TemporalScores(2, warping="cubic")


@pytest.mark.parametrize("batch", [1, 3])
def test_the_metric_scores_each_frame_with_the_next_and_no_clip_with_another(batch):
    first, second = predictions(4), predictions(3, seed=5)
    motion = flows(4), flows(3, seed=6)
    samples = clip_samples(first, motion[0], "a") + clip_samples(second, motion[1], "b")
    scores = TemporalScores(3)
    scores.update(first[:-1], first[1:], motion[0][:-1])
    scores.update(second[:-1], second[1:], motion[1][:-1])
    expected = scores.compute()
    assert scored(samples, batch) == {name: expected[name] for name in ("TC", "flicker", "changed")}


def test_the_metric_is_built_by_the_engine_and_logs_each_class(monkeypatch):
    said = []
    monkeypatch.setattr("tasks.seg.temporal_scores.print_log", lambda text, **_: said.append(text))
    evaluator = Evaluator([{"type": "mmseg.TemporalConsistency", "prefix": "val"}])
    evaluator.dataset_meta = {"classes": CLASSES}
    still = np.zeros((3, 2, *SIZE), np.float32)
    evaluator.process(clip_samples(np.zeros((3, *SIZE), int), still))
    assert evaluator.evaluate(3) == {"val/TC": 100, "val/flicker": 0, "val/changed": 0}
    title, _, *rows = said[0].splitlines()
    assert "over 2 pairs" in title
    assert [row.split() for row in rows] == [["road", "100.00", "0.00"], ["sky", "nan", "nan"], ["car", "nan", "nan"]]


def test_each_evaluation_starts_afresh_and_tells_whose_next_frame_is_missing(monkeypatch):
    said = []
    monkeypatch.setattr("tasks.seg.temporal_scores.print_log", lambda text, **_: said.append(text))
    made = metric()
    still = np.zeros((3, 2, *SIZE), np.float32)
    for seed in (0, 1):
        labels = predictions(3, seed)
        made.process({}, clip_samples(labels, still)[:2])  # the third, which the second leads to, does not come
        expected = 100 * temporal_consistency(labels[0], labels[1], still[0], 3)
        assert made.evaluate(2)["TC"] == pytest.approx(expected)
        assert said[2 * seed] == "temporal consistency: the next of 1 frames is not in the data"


def test_the_metric_takes_options_of_the_score():
    labels, flow = predictions(4), flows(4)
    found = scored(clip_samples(labels, flow), warping="bilinear", absent_as_zero=True)
    args = labels[:-1], labels[1:], flow[:-1], 3
    assert found["TC"] == pytest.approx(100 * temporal_consistency(*args, "bilinear", absent_as_zero=True))


def test_the_metric_can_leave_out_what_the_sample_calls_invalid():
    labels, flow = predictions(4), flows(4)
    valid = np.random.default_rng(2).random((4, 1, *SIZE)) < 0.6
    found = scored(clip_samples(labels, flow, valid_next=valid.astype(np.uint8)), visible="valid")
    expected = temporal_consistency(labels[:-1], labels[1:], flow[:-1], 3, visible=valid[:-1, 0])
    assert found["TC"] == pytest.approx(100 * expected)


def test_the_metric_can_leave_out_what_does_not_lead_back():
    labels, flow = predictions(3), flows(3)
    flow[:, :, :3] = 0  # the upper half stands still
    back = -flow[[0, 0, 1]] + np.float32(0.1)
    found = scored(clip_samples(labels, flow, flow_previous=back), visible="forward_backward")
    visible = visible_pixels(flow[:-1], back[1:])
    assert 0 < visible.mean() < 1
    expected = temporal_consistency(labels[:-1], labels[1:], flow[:-1], 3, visible=visible)
    assert found["TC"] == pytest.approx(100 * expected)


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ([0, 2, 4, 1, 3], "0 that follow their neighbour and 4 that do not, of 5"),
        ([0, 1, 3, 2, 4], "1 that follow their neighbour and 3 that do not, of 5"),
        ([4], "0 that follow their neighbour and 0 that do not, of 1"),
    ],
)
def test_frames_out_of_order_are_refused(order, found):
    samples = clip_samples(predictions(5), flows(5))
    with pytest.raises(DataError, match=f"one after the other but found {found}; test on a ClipDataset"):
        scored([samples[place] for place in order])


@pytest.mark.parametrize(
    ("options", "field", "message"),
    [
        (
            {},
            "flow_next",
            r"expected flow_next .* found none for a/000\.png; test on a ClipDataset\(views=dict\(next=1\)",
        ),
        (
            {"visible": "valid"},
            "valid_next",
            r"expected valid_next in the samples to score but found none for a/000\.png",
        ),
        ({"visible": "forward_backward"}, "flow_previous", r"expected flow_previous .*views=dict\(previous=-1\)"),
    ],
)
def test_samples_without_what_is_asked_for_are_refused(options, field, message):
    samples = clip_samples(predictions(2), flows(2))
    for sample in samples:
        sample.pop(field, None)
    with pytest.raises(DataError, match=message):
        scored(samples, **options)


def test_flow_of_another_size_than_the_prediction_is_refused():
    samples = clip_samples(predictions(2), flows(2))
    samples[0]["flow_next"]["data"] = torch.zeros(2, 3, 4)
    with pytest.raises(
        DataError, match=r"flow_next of the prediction's size \(6, 8\) but found \(3, 4\) for a/000\.png"
    ):
        scored(samples)


def test_unknown_options_of_the_metric_are_refused():
    with pytest.raises(
        ConfigError, match=r"visible to be one of .* but found 'forward'; did you mean 'forward_backward'"
    ):
        TemporalConsistency(visible="forward")
    with pytest.raises(ConfigError, match=r"expected warping to be one of .* but found 'linear'"):
        TemporalConsistency(warping="linear")


def test_a_network_is_scored_on_a_clip_and_the_flow_of_its_data_set(small_camvid):
    DefaultScope.get_instance("temporal_scores", scope_name="mmseg")
    flow = DISFlow()
    dataset = ClipDataset(
        {"type": "CamVidDataset", "data_root": str(small_camvid), "split": "train"},
        views={"next": 1},
        serialize_data=False,
        pipeline=[
            {"type": "CheckedImage"},
            {"type": "Resize", "scale": (32, 32), "keep_ratio": False},
            {"type": "LoadNeighbours", "flow": flow, "frames": False},
            {"type": "PackClip"},
        ],
    )
    torch.manual_seed(0)
    model = MODELS.build(Config(network())).eval()
    evaluator = Evaluator([{"type": "TemporalConsistency"}])
    evaluator.dataset_meta = dataset.metainfo
    labels, paths = [], []
    for batch in ((0, 1, 2), (3, 4, 5), (6, 7)):
        data = pseudo_collate([dataset[index] for index in batch])
        with torch.no_grad():
            samples = model.test_step(data)
        evaluator.process(samples, data)
        labels += [sample.pred_sem_seg.data[0].numpy() for sample in samples]
        paths += [sample.img_path for sample in samples]
    motion = np.stack([flow.of_files(*pair).flow for pair in pairwise(paths)])
    expected = temporal_consistency(np.stack(labels[:-1]), np.stack(labels[1:]), motion, 11)
    assert len(np.unique(labels)) > 1
    assert evaluator.evaluate(8)["TC"] == pytest.approx(100 * expected)
