"""What of a recording a network hears, and how that is told."""

import tracemalloc

import pytest
from iq_networks import DIRECTIONS, compass, walk
from iq_results import meta, rows, steps

from common.errors import ConfigError
from tasks.amr.iq_files import Recording
from tasks.amr.listening import Settings, findings, listen
from tasks.amr.recogniser import SignalInfo, load_onnx


@pytest.mark.parametrize(
    ("options", "heard"),
    [
        (["--resample", "250"], 250.0),
        (["--resample", "network"], 1000.0),
        (["--resample", "10sps", "--symbol-rate", "50"], 500.0),
        # The network knows 4 to 16 samples per symbol: 8 in the (geometric) middle.
        (["--symbol-rate", "100"], 800.0),
        (["--symbol-rate", "500"], 4000.0),
        (["--symbol-rate", "1000"], 4000.0),
    ],
)
def test_recording_is_resampled_and_told_in_its_own_samples(network, in_folder, options, heard):
    walk("ENWS", samples=1600).tofile("a.cf32")
    rate = 4000
    assert in_folder(network, "a.cf32", "--sample-rate", rate, "--vote", 1, *options) == 0
    told = meta("out/a.modulations.json")
    assert told["heard_rate"] == heard
    windows = heard / rate * 1600 / 16
    found = [row for row in rows("a") if float(row["windows"]) > 1]
    assert [row["label"] for row in found] == list(DIRECTIONS)
    for row, (start, count, _) in zip(found, steps("ENWS", samples=1600), strict=True):
        assert abs(int(row["sample_start"]) - start) <= 2 * 16 * rate / heard
        assert abs(int(row["sample_count"]) - count) <= 4 * 16 * rate / heard
        assert abs(float(row["windows"]) - windows) <= 3


def heard(capsys):
    """The line about the network, and the notes right under it."""
    line, *others = capsys.readouterr().out.splitlines()
    return line, [other for other in others if other.startswith("note: ")]


def test_what_the_network_hears_is_told_before_the_results(network, in_folder, capsys):
    walk("E", samples=1600).tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 4000, "--symbol-rate", 500, "--resample", 3000) == 0
    assert heard(capsys) == (
        "network: compass.onnx, 3,000 samples/s (4,000 resampled by 3/4), 6 samples a symbol (trained on 4 to 16), "
        "windows of 16 samples (5.333 ms), 8 decide together",
        [],
    )
    told = meta("out/a.modulations.json")
    assert (told["heard_rate"], told["resampled_by"], told["samples_per_symbol"]) == (3000, "3/4", 6)
    assert (told["window_samples"], told["window_seconds"]) == (16, pytest.approx(16 / 3000))


def test_unknown_symbol_rate_is_an_assumption(network, in_folder, capsys):
    walk("E").tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1600, "--vote", 1) == 0
    line, notes = heard(capsys)
    assert "1,600 samples/s (as recorded), unknown samples a symbol (trained on 4 to 16)" in line
    assert line.endswith("each decides alone")
    assert notes == [
        "note: without --symbol-rate the signal is taken to have 4 to 16 samples a symbol, here 100 to 400 symbols/s; "
        "the answer to any other is a guess; analog signals are known at 1,000 samples/s"
    ]
    assert meta("out/a.modulations.json")["notes"] == [notes[0].removeprefix("note: ")]


def test_rate_that_the_network_was_not_trained_on_is_named(network, in_folder, capsys):
    walk("E", samples=1600).tofile("a.cf32")
    arguments = ["--sample-rate", 4000, "--symbol-rate", 100]
    assert in_folder(network, "a.cf32", *arguments, "--resample", 4000) == 0
    assert "trained on 4 to 16 samples a symbol and hears 40: its answers are guesses" in heard(capsys)[1][0]
    assert in_folder(network, "a.cf32", *arguments) == 0
    assert heard(capsys)[1] == []


def test_network_that_does_not_tell_its_range_has_no_assumption(in_folder, tmp_path, capsys):
    network = compass(tmp_path / "plain.onnx", samples_per_symbol=None, sample_rate=None)
    walk("E").tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000) == 0
    line, notes = heard(capsys)
    assert "unknown samples a symbol (its range is not told)" in line
    assert notes == []


def test_network_that_does_not_tell_its_rates_needs_them():
    info = SignalInfo(("a", "b"), 16)
    for settings, message in (
        (Settings(resample="network"), "tells its sample rate"),
        (Settings(symbol_rate=100.0), "tells its samples per symbol"),
    ):
        with pytest.raises(ConfigError, match=message):
            settings.rate_for(info, 1000.0)
    assert Settings(resample="8sps", symbol_rate=100.0).rate_for(info, 1000.0) == 800


def endless(phases, repeats):
    """A recording that is made as it is read, in blocks of a walk."""
    block = walk(phases, samples=16 * 512)

    def read(_):
        for _ in range(repeats):
            yield block

    return Recording("a long one", "long", 1000.0, repeats * len(block), read)


def peak_of(network, repeats):
    tracemalloc.start()
    settings = Settings(noise_gate=10.0, resample="700", freq_shift=1.0, threshold=0.0)
    recording = endless("EN.W", repeats)
    count = sum(1 for _ in findings(recording, network, listen(recording, network, settings)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return count, peak


def test_memory_does_not_grow_with_the_recording(network):
    loaded = load_onnx(network, threads=1)
    peak_of(loaded, 2)
    (few, short_peak), (many, long_peak) = peak_of(loaded, 4), peak_of(loaded, 40)
    assert many > 8 * few
    assert long_peak < 1.1 * short_peak
