import math
from pathlib import Path

import pytest
import torch
from coded_frames import CodedNetwork, write_frames, write_network
from sklearn.metrics import f1_score

from common.errors import CheckpointError, ConfigError, DataError
from data_prep.amr.generate import generate
from data_prep.amr.recipe import Extent, make_recipe
from tasks.amr.datasets import SignalDataset
from tasks.amr.evaluation import Settings, Source, evaluate, measure_costs
from tasks.amr.models import KDCNN

# What networks see that look at row 0, and at row 1. Both see BPSK in noise; the second is wrong at 0 dB.
CODES = {
    ("BPSK", -18): (0, 0),
    ("QPSK", -18): (0, 0),
    ("BPSK", 0): (0, 1),
    ("QPSK", 0): (1, 0),
    ("BPSK", 10): (0, 0),
    ("QPSK", 10): (1, 1),
}
QUICK = {"rounds": 0}


@pytest.fixture
def root(tmp_path):
    """Ten frames of each cell, of which six are for testing."""
    return write_frames(tmp_path / "data", CODES)


@pytest.fixture
def source(tmp_path, root):
    """Makes checkpoints to evaluate."""
    made = []

    def make(name, root=root, **options):
        made.append(name)
        return Source(name, *write_network(tmp_path / f"{name}_{len(made)}", root, **options))

    return make


def test_scores_of_one_network_follow_from_what_it_sees(source):
    found = evaluate([source("kd")], Settings(**QUICK))
    (run,) = found.arms["kd"].runs
    assert (found.frames, found.classes, found.snrs) == (36, ("BPSK", "QPSK"), (-18.0, 0.0, 10.0))
    assert run.scores["accuracy"] == pytest.approx(100 * 5 / 6)
    assert (run.scores["peak"], run.scores["accuracy_below_0dB"], run.scores["accuracy_from_0dB"]) == (100, 50, 100)
    labels, seen = [0] * 3 + [1] * 3, [0, 0, 0, 0, 1, 1]
    assert run.scores["macro_f1"] == pytest.approx(100 * f1_score(labels, seen, average="macro"))
    assert run.confusion.counts.tolist() == [[[6, 0], [6, 0]], [[6, 0], [0, 6]], [[6, 0], [0, 6]]]


def test_checkpoints_of_one_name_are_seeds_of_one_arm(source):
    sources = [source("teacher"), source("ce", row=0.0, scale=2.0), source("ce", row=1.0, seed=7)]
    found = evaluate(sources, Settings(**QUICK))
    assert list(found.arms) == ["teacher", "ce"]
    ce = found.arms["ce"]
    assert ce.accuracy_by_snr.tolist() == [[50, 100, 100], [50, 0, 100]]
    assert ce.values("accuracy") == pytest.approx([100 * 5 / 6, 50])
    assert ce.confusion.counts[1].tolist() == [[6, 6], [6, 6]]
    assert [run.source.get("seed") for run in ce.runs] == [None, 7]


def test_temperature_fitted_on_validation_frames_calibrates_the_test_frames(source):
    (run,) = evaluate([source("kd", scale=3.0)], Settings(**QUICK)).arms["kd"].runs
    # Logits (3, 0) claim 95 %; five of six are right, so that 3 / T must be ln 5.
    assert run.scores["ece"] == pytest.approx(100 * (1 / (1 + math.exp(-3)) - 5 / 6), abs=1e-3)
    assert run.scores["temperature"] == pytest.approx(3 / math.log(5), rel=1e-3)
    assert run.scores["ece_scaled"] == pytest.approx(0, abs=0.05)


def test_temperature_is_fitted_on_the_validation_part_whatever_is_evaluated(source, root):
    SignalDataset(str(root), "frames.pkl", part="train", cache=str(root))
    of_test = evaluate([source("kd")], Settings(part="test", **QUICK))
    of_val = evaluate([source("kd")], Settings(part="val", **QUICK))
    assert of_test.notes == []
    assert "fitted to the frames that they are judged on" in of_val.notes[0]
    assert of_val.frames == 12


def test_without_validation_frames_there_is_no_temperature_but_everything_else(source):
    options = {"val_dataloader.dataset.snrs": [4]}
    found = evaluate([source("kd")], Settings(options=options, **QUICK))
    assert "no temperature was fitted" in found.notes[0]
    assert found.arms["kd"].values("temperature") == []
    assert found.arms["kd"].values("accuracy") == pytest.approx([100 * 5 / 6])


def test_frames_of_another_file_take_the_order_of_classes_of_training(source, root, tmp_path):
    other = write_frames(tmp_path / "other", {("BPSK", 0): (1, 0), ("QPSK", 0): (0, 0)})
    trained = {"classes": ["QPSK", "BPSK"]}
    found = evaluate([source("kd", meta=trained)], Settings(part="all", data=str(other / "frames.pkl"), **QUICK))
    assert found.classes == ("QPSK", "BPSK")
    assert found.frames == 20
    assert found.arms["kd"].values("accuracy") == [100.0]


def test_all_frames_of_the_training_file_are_a_warning_and_those_of_another_are_not(source, root, tmp_path):
    meta = SignalDataset(str(root), "frames.pkl", part="train", split="20/20/60", cache=str(root)).metainfo
    other = write_frames(tmp_path / "other", CODES)
    assert evaluate([source("kd", meta=meta)], Settings(**QUICK)).warnings == []
    (warning,) = evaluate([source("kd", meta=meta)], Settings(part="all", **QUICK)).warnings
    assert "12 of 60 frames lie in the part" in warning
    elsewhere = Settings(part="all", data=str(other / "frames.pkl"), **QUICK)
    assert evaluate([source("kd", meta=meta)], elsewhere).warnings == []


def test_knowledge_at_the_lowest_snr_is_a_warning_with_its_causes(source, tmp_path):
    knowing = write_frames(tmp_path / "knowing", {("BPSK", -18): (0, 0), ("QPSK", -18): (1, 0)}, frames=50)
    found = evaluate([source("kd", knowing)], Settings(**QUICK))
    assert "kd: 100.0 % of 60 frames at -16 dB and lower" in found.warnings[0]
    assert "split frame by frame" in found.warnings[1]
    assert len(found.warnings) == 2


def test_cost_counts_parameters_bytes_and_times_every_network_at_both_batches():
    networks = {"a": CodedNetwork(), "b": torch.nn.Conv1d(2, 3, 5)}
    costs = measure_costs(networks, length=16, rounds=2)
    assert costs["a"][:3] == (2, 0, 8)
    assert costs["b"][:3] == (33, 12 * 3 * 2 * 5, 132)
    assert all(set(cost.latency) == {1, 256} for cost in costs.values())
    assert measure_costs(networks, length=16, rounds=0)["a"].latency == {}


def test_frames_that_need_no_comparison_are_not_read_for_one(source, monkeypatch):
    def unread(self):
        raise AssertionError("all frames were read")

    monkeypatch.setattr(SignalDataset, "fingerprint", property(unread))
    assert evaluate([source("kd")], Settings(**QUICK)).frames == 36
    sources = [source("ce"), source("ce", scale=2.0)]
    sources[1] = Source("ce", sources[0].config, sources[1].checkpoint)
    assert evaluate(sources, Settings(**QUICK)).frames == 36


def test_networks_on_other_frames_are_refused(source, tmp_path):
    other = write_frames(tmp_path / "other", CODES, frames=20)
    with pytest.raises(ConfigError, match=r"same frames .* 72 frames of 2 classes of .* for b, and 36 frames"):
        evaluate([source("a"), source("b", other)], Settings(**QUICK))


def test_a_network_with_other_classes_is_refused(source):
    with pytest.raises(ConfigError, match=r"expected a network with the 2 classes of .* but kd has 3"):
        evaluate([source("kd", classes=3)], Settings(**QUICK))


def test_another_order_of_classes_than_in_training_is_refused(source):
    with pytest.raises(DataError, match="QPSK, BPSK"):
        evaluate([source("kd", meta={"classes": ["QPSK", "BPSK"]})], Settings(**QUICK))


def test_the_same_weights_are_no_second_seed(source):
    with pytest.raises(CheckpointError, match="expected other seeds of 'ce' but found the same weights"):
        evaluate([source("ce"), source("ce")], Settings(**QUICK))


def test_scores_that_are_not_finite_are_refused(source):
    with pytest.raises(CheckpointError, match="expected finite class scores but kd gives others"):
        evaluate([source("kd", scale=math.nan)], Settings(**QUICK))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_dataloader.dataset.type": "SignalDatset"}, "test_dataloader: no data set 'SignalDatset'; did you mean"),
        ({"test_dataloader.dataset.modes": ["BPSK"]}, "SignalDataset has no key 'modes'; did you mean 'mods'"),
        ({"test_dataloader.dataset.mods": ["BSPK"]}, r"mods among BPSK, QPSK but found 'BSPK'; did you mean 'BPSK'"),
        ({"test_dataloader.dataset.part": None}, "'test' or 'all' for SignalDataset but found none"),
    ],
)
def test_misspelt_settings_are_named(source, options, message):
    with pytest.raises(ConfigError, match=message):
        evaluate([source("kd")], Settings(options=options, **QUICK))


def test_frames_of_a_larger_set_of_the_training_sets_seed_are_a_warning(source, tmp_path):
    def generated(name, frames, seed=0, **changes):
        recipe = make_recipe("rml2016", length=16, **changes)
        generate(tmp_path / name, recipe, Extent(("BPSK", "QPSK"), (-10, 0), frames, seed), workers=1)
        return SignalDataset(str(tmp_path / name), part="train", cache=str(tmp_path)).metainfo

    small = generated("small.h5", 10, frozen_channel=False)
    for name, frames, seed in ("large.h5", 30, 0), ("other.h5", 30, 1):
        generated(name, frames, seed, frozen_channel=False)
    settings = [Settings(part="all", data=str(tmp_path / name), **QUICK) for name in ("large.h5", "other.h5")]
    (warning,) = evaluate([source("kd", meta=small)], settings[0]).warnings
    assert "24 of 120 frames lie in the part" in warning
    assert "or of another set of its seed" in warning
    assert evaluate([source("kd", meta=small)], settings[1]).warnings == []
    frozen = generated("frozen.h5", 10)
    generated("frozen_too.h5", 10, 1)
    tested = Settings(part="all", data=str(tmp_path / "frozen_too.h5"), **QUICK)
    (warning,) = evaluate([source("kd", meta=frozen)], tested).warnings
    assert "its training data and these come from one frozen channel" in warning


def test_a_config_without_test_frames_is_refused(source):
    given = source("kd")
    with Path(given.config).open("a", encoding="utf-8") as file:
        file.write("del test_dataloader\n")
    with pytest.raises(ConfigError, match=r"expected test_dataloader\.dataset but found none"):
        evaluate([given], Settings(**QUICK))


def as_kdcnn(given, length):
    """The same config and checkpoint with another network."""
    config = Path(given.config)
    config.write_text(config.read_text().replace("type='CodedNetwork'", f"type='KDCNN', length={length}"))
    state = {f"network.{name}": value for name, value in KDCNN(2, length).state_dict().items()}
    torch.save({"state_dict": state}, given.checkpoint)
    return given


def test_another_network_is_no_seed(source):
    with pytest.raises(ConfigError, match="seeds of one network as 'ce' but found 2 and 19874 parameters"):
        evaluate([source("ce"), as_kdcnn(source("ce"), 16)], Settings(**QUICK))


def test_frames_of_another_length_than_the_network_takes_are_refused(source):
    with pytest.raises(ConfigError, match="expected frames of 64 samples for kd but found 16"):
        evaluate([as_kdcnn(source("kd"), 64)], Settings(**QUICK))
