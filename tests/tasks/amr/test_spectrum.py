"""Where power lies and what looks like noise, against signals made for it and the suite's own generated ones."""

import numpy as np
import pytest
from scipy.signal import butter, lfilter, welch

from data_prep.amr.frames import make_frames
from data_prep.amr.recipe import make_recipe
from tasks.amr.advice import MOSTLY
from tasks.amr.spectrum import LEAST_WINDOWS, MOST_WINDOWS, Spectrum
from tasks.amr.streaming import cut_windows, gate_noise

MODS = [
    *("8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"),
    *("GMSK", "OOK", "OQPSK"),
]


def white(count, seed=0):
    """Complex noise of power 1."""
    return (np.random.default_rng(seed).standard_normal(2 * count) / np.sqrt(2)).view(complex)


def band(count, frequency, seed=0, width=0.1):
    """Noise of power 1 that fills ``width`` of the band around ``frequency``, in cycles per sample."""
    wave = lfilter(*butter(8, width), white(count + 500, seed))[500:]
    return wave / np.sqrt(np.mean(np.abs(wave) ** 2)) * np.exp(2j * np.pi * frequency * np.arange(count))


def seen(samples, length=256, every=1, gate=None, cuts=()):
    spectrum = Spectrum(length, every)
    blocks = np.split(np.asarray(samples, np.complex64), cuts)
    for _ in spectrum.watch(gate_noise(cut_windows(blocks, length, length), gate, settle=64)):
        pass
    return spectrum


@pytest.mark.parametrize("snr", [20, 0, -6])
@pytest.mark.parametrize("frequency", [0.05, -0.06, 0.2, -0.45])
def test_centre_is_found_in_noise(frequency, snr):
    count = 64 * 256
    place = seen(band(count, frequency) + 10 ** (-snr / 20) * white(count, seed=1)).off_centre()
    assert place.frequency == pytest.approx(frequency, abs=0.01)
    assert not place.is_piece


def test_centre_is_the_mean_frequency_of_welchs_spectrum():
    samples = band(64 * 256, 0.12) + 0.5 * band(64 * 256, 0.19, seed=1) + 0.3 * white(64 * 256, seed=2)
    frequencies, power = welch(samples, nperseg=256, return_onesided=False, detrend=False)
    expected = np.angle(np.sum(power * np.exp(2j * np.pi * frequencies))) / (2 * np.pi)
    assert seen(samples).off_centre().frequency == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("frequency", [0.0, 0.01, -0.015])
def test_carriers_that_networks_are_trained_on_are_centred(frequency):
    assert seen(band(64 * 256, frequency) + 0.1 * white(64 * 256, seed=1)).off_centre() is None


@pytest.mark.parametrize("snr", [-6, 20])
@pytest.mark.parametrize("mod", MODS)
def test_generated_signals_are_neither_off_centre_nor_noise(mod, snr):
    recipe = make_recipe("wide", length=LEAST_WINDOWS * 256, sps=(4, 8, 16))
    frames, _ = make_frames(recipe, 7, mod, snr, range(6))
    for frame in frames:
        spectrum = seen(frame[0] + 1j * frame[1])
        assert spectrum.off_centre() is None
        assert spectrum.white_share() < MOSTLY


@pytest.mark.parametrize("mod", ["QPSK", "AM-DSB", "GFSK", "OOK"])
def test_generated_signals_beside_0_hz_are_off_centre(mod):
    frames, _ = make_frames(make_recipe("wide", length=LEAST_WINDOWS * 256), 7, mod, 0, range(6))
    turned = (frames[:, 0] + 1j * frames[:, 1]) * np.exp(2j * np.pi * 0.1 * np.arange(LEAST_WINDOWS * 256))
    for frame in turned:
        assert seen(frame).off_centre().frequency == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(("near", "far", "strongest"), [(0.0, 0.3, 0.3), (-0.3, 0.35, 0.35), (0.4, -0.15, -0.15)])
def test_strongest_of_several_signals_is_told(near, far, strongest):
    samples = 0.7 * band(64 * 256, near) + band(64 * 256, far, seed=1) + 0.1 * white(64 * 256, seed=2)
    place = seen(samples).off_centre()
    assert place.frequency == pytest.approx(strongest, abs=0.01)
    assert place.is_piece


def test_pieces_as_far_on_either_side_may_be_of_one_signal():
    samples = band(64 * 256, -0.15) + band(64 * 256, 0.15, seed=1) + 0.1 * white(64 * 256, seed=2)
    assert seen(samples).off_centre() is None


def test_signal_at_0_hz_may_have_weaker_ones_beside_it():
    samples = band(64 * 256, 0.0) + 0.8 * band(64 * 256, 0.3, seed=1) + 0.1 * white(64 * 256, seed=2)
    assert seen(samples).off_centre() is None


@pytest.mark.parametrize("length", [128, 256, 1024])
def test_white_noise_is_white_and_lies_nowhere(length):
    shares = []
    for seed in range(20):
        spectrum = seen(white(LEAST_WINDOWS * length, seed), length)
        shares.append(spectrum.white_share())
        assert spectrum.off_centre() is None
    assert np.mean(shares) == pytest.approx(0.99, abs=0.015)


def test_share_of_noise_is_that_of_windows_without_a_signal():
    samples = white(64 * 256)
    samples[: 16 * 256] += band(16 * 256, 0.2, seed=1)
    assert seen(samples).white_share() == pytest.approx(0.75, abs=0.03)


def test_what_the_gate_takes_for_noise_is_not_looked_at():
    samples = 0.1 * white(64 * 256)
    samples[: 40 * 256] += band(40 * 256, 0.0, seed=1)
    spectrum = seen(samples, gate=10.0)
    assert spectrum.windows == 40
    assert spectrum.white_share() == 0


def test_windows_are_picked_evenly_however_the_stream_is_cut():
    samples = white(700 * 16)
    whole = seen(samples, length=16, every=7)
    assert whole.windows == 100
    parts = seen(samples, length=16, every=7, cuts=range(100, 700 * 16, 100))
    assert (parts.windows, parts.white_share()) == (100, whole.white_share())
    picked = samples.reshape(700, 16)[::7].ravel()
    assert seen(picked, length=16).white_share() == whole.white_share()


def test_no_more_than_so_many_windows_are_looked_at():
    spectrum = seen(white((MOST_WINDOWS + 300) * 16), length=16, cuts=[100 * 16])
    assert (spectrum.windows, spectrum.is_full) == (MOST_WINDOWS, True)


def test_few_windows_tell_nothing():
    for samples in (white((LEAST_WINDOWS - 1) * 256), band((LEAST_WINDOWS - 1) * 256, 0.2), white(10)):
        spectrum = seen(samples)
        assert (spectrum.white_share(), spectrum.off_centre(), spectrum.is_full) == (0, None, False)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e-18, 1e37])
def test_any_amplitude_will_do(scale):
    assert seen(scale * band(64 * 256, 0.2)).off_centre().frequency == pytest.approx(0.2, abs=0.01)


@pytest.mark.filterwarnings("error")
def test_signal_without_correlation_lies_nowhere():
    assert seen(np.tile([1, 0, 0, 0], 64 * 64)).off_centre() is None
