"""Windows, noise gate and votes: the same however a stream is cut."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from tasks.amr.streaming import (
    BATCH,
    NOISE,
    UNKNOWN,
    Stretch,
    Timeline,
    Votes,
    cut_windows,
    gate_noise,
    join_votes,
    run_starts,
    score_live,
    soft_vote,
)

RANDOM = np.random.default_rng(0)
SIGNAL = (RANDOM.standard_normal(1000) + 1j * RANDOM.standard_normal(1000)).astype(np.complex64)
CUTS = ([], [1, 5, 6, 900], list(range(1, 1000)))


def cut(batches, places):
    """The rows of ``batches`` cut anew."""
    return np.split(batches, places) if len(places) else [batches]


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize(("length", "hop"), [(16, 16), (16, 5), (16, 40), (100, 100), (1000, 1), (7, 1)])
def test_windows_are_slices_of_the_whole_signal(length, hop, cuts):
    found = np.concatenate(list(cut_windows(cut(SIGNAL, cuts), length, hop)))
    starts = range(0, 1000 - length + 1, hop)
    expected = np.stack([[SIGNAL.real[s : s + length], SIGNAL.imag[s : s + length]] for s in starts])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_windows_come_in_small_batches():
    sizes = [len(batch) for batch in cut_windows([SIGNAL], 8, 1)]
    assert max(sizes) == BATCH
    assert sum(sizes) == 993


def test_signal_shorter_than_a_window_has_none():
    assert list(cut_windows([SIGNAL[:15]], 16, 16)) == []


def at_levels(*decibels):
    """Windows of constant power, ``[W, 2, 4]``."""
    amplitudes = 10 ** (np.array(decibels) / 20)
    windows = np.zeros((len(decibels), 2, 4), np.float32)
    windows[:, 0] = amplitudes[:, None]
    return windows


def gate(windows, cuts=(), **options):
    found = list(gate_noise(cut(windows, cuts), **options))
    return np.concatenate([live for *_, live in found]).tolist()


def test_window_is_live_where_it_exceeds_the_floor_by_the_margin():
    windows = at_levels(-60, -40, -56, -54.5, -53.5, -60)
    assert gate(windows, margin=6) == [False, True, False, False, True, False]


def test_power_is_handed_on():
    (_, power, _), *_ = gate_noise([at_levels(-20, 0)], None)
    np.testing.assert_allclose(power, [0.01, 1])


def test_recording_may_begin_within_a_signal():
    windows = at_levels(0, 0, -60, 0, -60)
    assert gate(windows, margin=6) == [True, True, False, True, False]
    # Without looking ahead the first windows are their own floor.
    assert gate(windows, margin=6, settle=1) == [False, False, False, True, False]


def test_floor_falls_at_once_and_rises_slowly():
    # By 1 dB a window: -60, -59, ..., until the noise, now at -50, is noise again.
    windows = at_levels(-60, *[-50] * 10)
    assert gate(windows, margin=5.5, rise=1.0) == [False, *[True] * 4, *[False] * 6]
    assert gate(at_levels(-50, -60, -50), margin=6, settle=1) == [False, False, True]


def test_silence_is_noise_and_no_floor():
    windows = at_levels(-50, -300, -50, -20)
    windows[1] = 0
    assert gate(windows, margin=6) == [False, False, False, True]
    assert gate(windows, margin=None) == [True, False, True, True]
    assert gate(np.zeros((3, 2, 4), np.float32), margin=6) == [False] * 3


def noises(windows, deviation=0.01, length=64):
    """Noise of -37 dB, ``[W, 2, L]``."""
    return deviation * np.random.default_rng(0).standard_normal((windows, 2, length)).astype(np.float32)


@pytest.mark.parametrize("silent", [1, 255, 256, 300])
@pytest.mark.parametrize("cuts", [[], [100, 256, 290]])
def test_floor_is_that_of_the_noise_after_silence(silent, cuts):
    # Zeros, a signal of -20 dB, noise: the signal is known by the noise after it, however long the silence.
    windows = np.concatenate([np.zeros((silent, 2, 64), np.float32), noises(100, 0.1), noises(200)])
    assert gate(windows, cuts, margin=6) == [False] * silent + [True] * 100 + [False] * 200


@pytest.mark.parametrize("samples", [1, 20, 56])
def test_window_that_is_partly_silent_is_no_floor(samples):
    # One sample of noise among 64 is 18 dB below the noise: all that follows would be signal.
    windows = noises(300)
    windows[0, :, :-samples] = 0
    windows[150, :, samples:] = 0
    assert not any(gate(windows, margin=6))


def test_window_with_a_gap_is_no_floor():
    windows = noises(300)
    windows[7, :, 2:-2] = 0
    assert not any(gate(windows, margin=6))


def test_zeros_among_coarse_noise_are_no_silence():
    # Eight-bit samples of a deviation of half a step: half of all samples are 0, none of the windows is silent.
    windows = np.rint(noises(300, 0.5, 256))
    assert (windows == 0).all(axis=1).mean() > 0.4
    windows[10:20, 0] += 8
    assert gate(windows, margin=6) == [False] * 10 + [True] * 10 + [False] * 280


def test_recording_without_a_whole_window_of_noise_has_no_signal():
    windows = noises(3)
    windows[:, :, 32:] = 0
    assert gate(windows, margin=6) == [False] * 3


@pytest.mark.parametrize("cuts", [[], [1, 2, 200], list(range(1, 700))])
def test_gate_does_not_depend_on_the_batches(cuts):
    windows = at_levels(*np.random.default_rng(1).choice([-60, -58, -40], 700))
    windows[np.random.default_rng(2).random(700) < 0.1] = 0
    windows[:5] = 0
    options = {"margin": 6, "rise": 0.01}
    assert gate(windows, cuts, **options) == gate(windows, **options)


def test_network_hears_live_windows_alone():
    heard = []

    def network(windows):
        heard.append(len(windows))
        return np.full((len(windows), 3), -1.0, np.float32)

    gated = [(np.ones((4, 2, 8), np.float32), np.ones(4), np.array(live)) for live in ([1, 0, 0, 1], [0] * 4, [1] * 4)]
    gated = [(windows, power, live.astype(bool)) for windows, power, live in gated]
    scores = [scores for scores, *_ in score_live(gated, network, 3)]
    assert heard == [2, 4]
    assert scores[0].tolist() == [[-1] * 3, [0] * 3, [0] * 3, [-1] * 3]


def test_runs_start_at_changes_and_after_the_longest():
    values = np.array([1, 1, 1, 1, 1, 0, 0, 1, 2, 2, 2])
    assert run_starts(values, 2).tolist() == [0, 2, 4, 5, 7, 8, 10]
    assert run_starts(values, 99).tolist() == [0, 5, 7, 8]
    assert run_starts(np.array([False, False, True]), 99).tolist() == [0, 2]


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def vote(scores, live=None, cuts=(), **options):
    live = np.ones(len(scores), bool) if live is None else np.array(live, bool)
    power = np.arange(1, len(scores) + 1, dtype=np.float32)
    parts = zip(cut(scores, cuts), cut(power, cuts), cut(live, cuts), strict=True)
    found = list(soft_vote(parts, **options))
    return {name: np.concatenate([getattr(votes, name) for votes in found]) for name in vars(found[0])}


def test_vote_is_the_softmax_of_the_mean_log_probability():
    scores = log_softmax(np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32))
    found = vote(scores, size=3)
    expected = [np.exp(log_softmax(scores[rows].astype(float).mean(axis=0))) for rows in (slice(3), slice(3, 7))]
    assert found["windows"].tolist() == [3, 4]  # the odd one joins the last group
    assert found["labels"].tolist() == [int(each.argmax()) for each in expected]
    np.testing.assert_allclose(found["probabilities"], [each.max() for each in expected], rtol=1e-6)
    np.testing.assert_allclose(found["powers"], [2, 5.5])


def test_one_certain_window_does_not_outvote_two_others():
    # Means of log-probabilities: -1.57 for the first class, -0.58 for the second.
    scores = np.log(np.array([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9]], np.float32))
    found = vote(scores, size=3)
    expected = (0.1 * 0.9**2) ** (1 / 3) / ((0.1 * 0.9**2) ** (1 / 3) + (0.9 * 0.1**2) ** (1 / 3))
    assert found["labels"].tolist() == [1]
    np.testing.assert_allclose(found["probabilities"], expected, rtol=1e-6)


def test_vote_ends_where_the_gate_opens_or_closes():
    scores = np.log(np.tile(np.array([0.8, 0.2], np.float32), (9, 1)))
    found = vote(scores, [1, 1, 1, 1, 1, 0, 0, 1, 0], size=2)
    assert found["windows"].tolist() == [2, 3, 2, 1, 1]
    assert found["labels"].tolist() == [0, 0, NOISE, 0, NOISE]
    np.testing.assert_allclose(found["probabilities"], [0.8, 0.8, 0, 0.8, 0], rtol=1e-6)


def test_end_of_a_burst_does_not_decide_by_itself():
    # Four windows of the first class; the fifth, half of it noise, looks like the second.
    scores = np.log(np.array([[0.9, 0.1]] * 4 + [[0.1, 0.9]], np.float32))
    assert vote(scores, size=4)["labels"].tolist() == [0]


def test_improbable_decision_is_unknown_and_keeps_its_probability():
    scores = np.log(np.array([[0.6, 0.4], [0.3, 0.7]], np.float32))
    found = vote(scores, size=1, threshold=0.65)
    assert found["labels"].tolist() == [UNKNOWN, 1]
    np.testing.assert_allclose(found["probabilities"], [0.6, 0.7], rtol=1e-6)


@pytest.mark.parametrize("cuts", [[], [1, 2, 90], list(range(1, 100))])
def test_votes_do_not_depend_on_the_batches(cuts):
    random = np.random.default_rng(2)
    scores = log_softmax(random.normal(size=(100, 3)).astype(np.float32))
    live = random.random(100) < 0.8
    expected, found = vote(scores, live, size=5), vote(scores, live, cuts, size=5)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def votes_of(labels, windows=2):
    ones = np.ones(len(labels))
    probabilities = np.where(np.array(labels) == NOISE, 0.0, np.linspace(0.5, 1, len(labels)))
    return Votes((windows * ones).astype(int), np.array(labels), probabilities, ones)


def test_equal_decisions_are_joined_across_batches():
    batches = [votes_of([1, 1, 0]), votes_of([0, 0]), votes_of([NOISE])]
    found = list(join_votes(batches))
    assert [(each.first, each.windows, each.label, each.is_last) for each in found] == [
        (0, 4, 1, False),
        (4, 6, 0, False),
        (10, 2, NOISE, True),
    ]
    # Means over the windows: of 0.5 and 0.75; of 1, 0.5 and 1.
    np.testing.assert_allclose([each.probability for each in found], [0.625, 2.5 / 3, 0])


def test_stretch_of_a_stream_ends_after_the_longest():
    found = list(join_votes([votes_of([1]) for _ in range(5)], longest=4))
    assert [(each.first, each.windows) for each in found] == [(0, 4), (4, 4), (8, 2)]


def test_nothing_is_joined_from_nothing():
    assert list(join_votes([])) == []


def spans(timeline, pieces, samples):
    """Spans of successive stretches of so many windows."""
    firsts = np.cumsum([0, *pieces])[:-1]
    stretches = [
        Stretch(int(first), windows, 0, 1.0, 1.0, first + windows == sum(pieces))
        for first, windows in zip(firsts, pieces, strict=True)
    ]
    return [timeline.span(stretch, samples) for stretch in stretches]


def test_spans_of_stretches_follow_each_other():
    assert spans(Timeline(16, 16), [2, 3], 85) == [(0, 32), (32, 80)]


def test_overlap_of_windows_belongs_to_the_later_stretch():
    assert spans(Timeline(16, 4), [2, 3], 40) == [(0, 8), (8, 32)]


def test_gaps_between_windows_belong_to_no_stretch_at_its_end():
    assert spans(Timeline(16, 20), [2, 3], 100) == [(0, 36), (40, 96)]


def test_spans_are_told_in_samples_before_resampling():
    # 5 samples become 2: window 2 starts after 32 * 5 / 2 samples.
    timeline = Timeline(16, 16, Fraction(2, 5))
    assert spans(timeline, [2, 1], 119) == [(0, 80), (80, 119)]


def test_spans_never_overlap_whatever_the_rates():
    timeline = Timeline(16, 7, Fraction(147, 160))
    found = spans(timeline, [3, 1, 1, 4], 10_000)
    assert all(end == start for (_, end), (start, _) in pairwise(found))
    assert found[-1][1] == math.ceil((8 * 7 + 16) * 160 / 147)
