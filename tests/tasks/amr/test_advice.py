"""What a user is told when a recording is not what the network was trained on."""

import io

import numpy as np
import pytest
from iq_networks import walk
from iq_results import meta, rows, steps, walked

# 40 windows of the network to each direction.
SIGNAL = walk("ENWS", samples=640)


def turned(signal, frequency):
    """Moved up by so many cycles per sample."""
    return (signal * np.exp(2j * np.pi * frequency * np.arange(len(signal)))).astype(np.complex64)


@pytest.fixture
def notes_of(network, in_folder, capsys):
    """Notes of a run of the command line on samples at 1,000 samples/s."""

    def run(samples, *options):
        samples.astype(np.complex64).tofile("a.cf32")
        assert in_folder(network, "a.cf32", "--sample-rate", 1000, *options) == 0
        lines = capsys.readouterr().out.splitlines()
        notes = [line.removeprefix("note: ") for line in lines if line.startswith("note: ")]
        assert meta("out/a.modulations.json")["notes"] == notes
        return [note for note in notes if not note.startswith("without --symbol-rate")]

    return run


def test_carrier_beside_0_hz_is_named_with_the_shift_that_mends_it(notes_of):
    assert notes_of(turned(SIGNAL, 0.2)) == [
        "the power lies around +200 Hz from the recording's middle, and the network was trained on signals around 0 "
        "Hz: its answers are guesses; try --freq-shift -200"
    ]
    assert notes_of(turned(SIGNAL, 0.2), "--freq-shift", -200, "--vote", 10) == []
    assert walked(rows("a")) == steps("ENWS", samples=640)


@pytest.mark.parametrize(
    ("frequency", "options", "where"),
    [
        (-0.3, [], -300),
        # The user has moved it too little, too far, and past the end of the band.
        (0.3, ["--freq-shift", -200], 300),
        (0.1, ["--freq-shift", -400], 100),
        (0.45, ["--freq-shift", 300], 450),
        # Heard at 250 samples/s, 50 Hz are a fifth of the band.
        (0.05, ["--resample", 250], 50),
    ],
)
def test_shift_is_counted_from_the_recording_as_it_is(notes_of, frequency, options, where):
    (note,) = notes_of(turned(walk("E", samples=3200), frequency), *options)
    assert f"around {where:+} Hz from the recording's middle" in note
    assert note.endswith(f"try --freq-shift {-where}")


def test_strongest_of_several_signals_is_named(notes_of):
    random = np.random.default_rng(0)
    noise = 0.02 * random.standard_normal((2, 2560))
    samples = turned(SIGNAL, 0.3) + 0.6 * turned(SIGNAL, -0.2) + noise[0] + 1j * noise[1]
    assert notes_of(samples) == [
        "power lies in several places, most around +300 Hz from the recording's middle, and the network was trained "
        "on one signal, around 0 Hz: its answers are guesses; try --freq-shift -300, with --symbol-rate or --resample "
        "to leave out the others"
    ]


def test_noise_is_named_and_the_gate_that_leaves_it_out(notes_of):
    noise = walk(".", samples=16 * 1000)
    (note,) = notes_of(noise, "--threshold", 0)
    assert "% of the windows have the flat spectrum of noise, or of a signal as wide as the band" in note
    assert note.endswith("the network gives its classes to noise, too: try --noise-gate 6")
    # Windows of 16 samples reach 1 dB over the quietest thousandth of them.
    assert any(note.endswith("raise --noise-gate") for note in notes_of(noise, "--noise-gate", 1))


def test_signal_with_pauses_is_not_called_noise(notes_of):
    assert notes_of(walk("E.E.", samples=640)) == []


def test_long_recording_is_judged_from_end_to_end(notes_of):
    assert notes_of(np.concatenate([walk(".", samples=16 * 1100), walk("E", samples=16 * 3300)])) == []


@pytest.mark.parametrize(
    ("symbol_rate", "notes"),
    [
        (250, []),
        (125, []),
        (400, ["resampled by 16/5, the recording has no more in it than at its own rate"]),
        (
            625,
            [
                "resampled by 5, the recording has no more in it than at its own rate, 1.6 samples a symbol: a part of "
                "the signal is lost; record 4 or more"
            ],
        ),
    ],
)
def test_samples_that_were_not_recorded_are_not_made_up(notes_of, symbol_rate, notes):
    assert notes_of(SIGNAL, "--symbol-rate", symbol_rate) == notes


def test_higher_rate_is_no_information_without_a_symbol_rate_either(notes_of):
    assert notes_of(SIGNAL, "--resample", 2000) == [
        "resampled by 2, the recording has no more in it than at its own rate"
    ]


def test_stream_is_advised_while_it_runs(network, in_folder, monkeypatch, capsys):
    class Slow(io.BytesIO):
        def read1(self, most=-1):
            return super().read1(16 * 100 * 8)

    class Standard:
        buffer = Slow(turned(walk("E", samples=16 * 2000), 0.25).tobytes())

    monkeypatch.setattr("sys.stdin", Standard)
    options = ["--datatype", "cf32", "--sample-rate", 1000, "--threshold", 0]
    assert in_folder(network, "-", *options) == 0
    lines = capsys.readouterr().out.splitlines()
    advice = [place for place, line in enumerate(lines) if "try --freq-shift -250" in line]
    heard = [place for place, line in enumerate(lines) if " s  " in line and not line.startswith("network")]
    assert len(advice) == 1
    assert heard[0] < advice[0] < heard[-1]
