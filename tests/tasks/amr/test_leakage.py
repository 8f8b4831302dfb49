import numpy as np
import pytest
from coded_frames import write_frames

from common import modulations
from data_prep.amr.generate import generate
from data_prep.amr.recipe import Extent, make_recipe
from tasks.amr.datasets import RML2016A, SignalDataset
from tasks.amr.leakage import (
    check_low_snr,
    same_channel,
    same_file,
    trained_frames,
    training_meta,
    training_warnings,
    warnings_of,
)
from tasks.amr.scores import Confusion


def confusion(right, frames, classes=10, snr=-18.0):
    """A balanced set at one SNR, of which so many frames are right."""
    labels = np.arange(frames) % classes
    predictions = np.where(np.arange(frames) < right, labels, (labels + 1) % classes)
    return Confusion.of(labels, predictions, np.full(frames, snr), classes)


def test_p_value_is_the_upper_tail_of_the_binomial():
    # Two of two right at 50 % and one point: 0.51 squared.
    found = check_low_snr(confusion(2, 2, classes=2))
    assert (found.frames, found.right, found.chance, found.accuracy) == (2, 2, 50.0, 100.0)
    assert found.p_value == pytest.approx(0.51**2)
    assert check_low_snr(confusion(0, 2, classes=2)).p_value == 1.0


def test_the_same_accuracy_is_suspicious_only_with_enough_frames():
    # 13 % where chance is 10 %: 0.7 standard deviations of 100 frames above 11 %, 6.4 of 10,000.
    assert not check_low_snr(confusion(13, 100)).is_suspicious
    assert check_low_snr(confusion(1300, 10000)).is_suspicious


def test_a_small_gain_over_chance_is_no_alarm_however_many_frames_there_are():
    assert not check_low_snr(confusion(10_900, 100_000)).is_suspicious


def test_published_figures_of_radioml_2016a_are_no_alarm():
    # PET-CGDNN at -20, -18, -16 dB: 9.50, 9.18, 9.77 % of 2,200 frames each.
    assert not check_low_snr(confusion(626, 6600, classes=11)).is_suspicious


def test_only_labels_of_minus_16_db_and_lower_are_tested():
    assert check_low_snr(confusion(100, 100, snr=-14.0)) is None
    assert check_low_snr(confusion(100, 100, snr=-16.0)).is_suspicious


def test_one_class_alone_is_always_right_and_no_alarm():
    assert not check_low_snr(Confusion((-20.0,), np.array([[[50]]]))).is_suspicious


@pytest.fixture
def build(tmp_path):
    """Builds data sets of one file: two modulations at two SNRs, ten frames each."""
    root = write_frames(tmp_path, {(mod, snr): (0, 0) for mod in ("BPSK", "QPSK") for snr in (-20, 0)})

    def make(part, split="60/20/20", **options):
        return SignalDataset(str(root), "frames.pkl", part=part, split=split, cache=str(root), **options)

    return make


def test_evaluated_frames_that_trained_are_counted(build):
    trained = build("train").metainfo
    assert trained_frames(trained, build("test")) == 0
    assert trained_frames(trained, build("all")) == 24
    assert trained_frames(trained, build("train")) == 24
    assert trained_frames(build("all").metainfo, build("test")) == 8


def test_frames_of_classes_that_were_left_out_of_training_did_not_train(build):
    trained = build("train", mods=["BPSK"], snrs=[0]).metainfo
    assert trained_frames(trained, build("all")) == 6


def test_nothing_is_claimed_of_other_data_or_of_a_checkpoint_that_is_silent(build, tmp_path):
    other = write_frames(tmp_path / "other", {("BPSK", 0): (0, 0)})
    trained = SignalDataset(str(other), "frames.pkl", part="train", cache=str(other)).metainfo
    assert trained_frames(trained, build("all")) == 0
    assert trained_frames(training_meta({}), build("all")) == 0


@pytest.fixture
def generated(tmp_path):
    """Generates sets: name, part -> data set."""

    def make(name, part, mods=("QAM16", "BPSK"), frames=10, seed=0, preset="clean", **changes):
        path = tmp_path / f"{name}.h5"
        if not path.exists():
            recipe = make_recipe(preset, length=8, **changes)
            generate(path, recipe, Extent(mods, (-20, 0), frames, seed), workers=1)
        return SignalDataset(str(path), part=part, cache=str(tmp_path))

    return make


def equal_frames(a, b):
    """How many frames of b are frames of a."""
    return sum((frame == a.frames()).all(axis=(1, 2)).any() for frame in b.frames())


def test_generated_sets_of_one_seed_share_what_trained_whatever_their_size(generated):
    large, small = generated("large", "train", frames=30), generated("small", "test", ("BPSK", "16QAM"))
    shared = equal_frames(large, small)
    assert 0 < shared <= len(small) == 8
    assert trained_frames(large.metainfo, small) == shared
    back = trained_frames(generated("small", "train", ("BPSK", "16QAM")).metainfo, generated("large", "all", frames=30))
    assert back == len(generated("small", "train"))


def test_generated_sets_of_one_seed_and_another_recipe_share_frames_or_their_noise(generated):
    train, other = generated("one", "train"), generated("two", "all", ssb_carrier=False)
    assert 0 < equal_frames(train, other) <= trained_frames(train.metainfo, other) == len(train)
    third = generated("three", "all", doppler=10.0)
    assert equal_frames(train, third) == 0
    assert trained_frames(train.metainfo, third) == len(train)


def test_the_training_file_is_known_by_a_relative_path_too(generated, tmp_path, monkeypatch):
    train = generated("one", "train")
    monkeypatch.chdir(tmp_path)
    assert same_file("one.h5", train.table.source)
    assert not same_file("two.h5", train.table.source)
    tested = SignalDataset("one.h5", part="test", split="20/20/60", cache=train.cache)
    assert training_warnings(train, tested, "test")


def test_generated_sets_of_another_seed_share_nothing(generated):
    train, other = generated("one", "train"), generated("two", "all", seed=1)
    assert equal_frames(train, other) == trained_frames(train.metainfo, other) == 0
    assert training_warnings(train, other, "test") == []


def test_test_data_that_trains_is_a_warning_before_training(generated):
    train = generated("one", "train")
    assert training_warnings(train, generated("one", "test"), "test") == []
    (warning,) = training_warnings(train, generated("copy", "all"), "val")
    assert "24 of 40 frames of the val data" in warning
    other_split = SignalDataset(train.table.source, part="test", split="20/20/60", cache=train.cache)
    assert (
        f"{trained_frames(train.metainfo, other_split)} of 24 frames" in training_warnings(train, other_split, "x")[0]
    )


def test_one_frozen_channel_in_training_and_test_is_a_warning(generated, tmp_path):
    frozen = {"preset": "rml2016"}
    train = generated("one", "train", **frozen)
    for tested in (generated("one", "test"), generated("two", "all", seed=1, **frozen)):
        assert same_channel(train.metainfo, tested.metainfo)
        (warning,) = training_warnings(train, tested, "test")
        assert "come from one frozen channel" in warning
        assert "kd: its training data and these come from one" in warnings_of("kd", [], 0, 50.0, tested, True)[0]
    other = generated("three", "all", seed=1, channel_seed=7, **frozen)
    assert not same_channel(train.metainfo, other.metainfo)
    assert training_warnings(train, other, "test") == []


def test_frames_of_the_same_numbers_in_another_file_are_not_said_to_train(build, tmp_path):
    other = write_frames(tmp_path / "other", {(mod, snr): (0, 0) for mod in ("BPSK", "QPSK") for snr in (-20, 0)})
    tested = SignalDataset(str(other), "frames.pkl", part="all", cache=str(other))
    assert training_warnings(build("train"), tested, "test") == []


def test_warnings_name_the_network_and_the_figures(build):
    dataset = build("test")
    assert warnings_of("kd", [check_low_snr(confusion(3, 30)), None], 0, 99.0, dataset) == []
    found = warnings_of("kd", [check_low_snr(confusion(90, 300)), check_low_snr(confusion(30, 300))], 5, 99.0, dataset)
    assert "kd: 30.0 % of 300 frames at -16 dB and lower" in found[0]
    assert "chance is 10.0 %" in found[0]
    assert "1 of 2 checkpoints" in found[0]
    assert "5 of 8 frames" in found[1]
    assert len(found) == 2


def test_accuracy_beyond_belief_is_named_on_all_snrs_of_radioml_2016a_alone(tmp_path):
    cells = {(mod, snr): (0, 0) for mod in modulations.RML2016A for snr in range(-20, 20, 2)}
    root = str(write_frames(tmp_path, cells, frames=1))
    options = {"data_root": root, "ann_file": "frames.pkl", "part": "all", "cache": root}
    published = RML2016A(**options)
    assert warnings_of("kd", [], 0, 66.0, published) == []
    assert "66.1 % overall is more than networks reach" in warnings_of("kd", [], 0, 66.1, published)[0]
    assert warnings_of("kd", [], 0, 66.1, SignalDataset(**options)) == []
    assert warnings_of("kd", [], 0, 66.1, RML2016A(snrs=list(range(0, 20, 2)), **options)) == []
