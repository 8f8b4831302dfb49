"""From the command line: recordings in, tables and annotations out."""

import csv
import io
import json
import runpy
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from iq_networks import DIRECTIONS, compass, walk
from scipy.io import wavfile

import tasks.amr.predict as predicting
from common.errors import ConfigError, DataError
from tasks.amr.iq_files import Recording, open_recording
from tasks.amr.predict import Settings, findings, listen, predict
from tasks.amr.recogniser import SignalInfo, load_onnx

main = runpy.run_path(str(ROOT / "tools" / "predict.py"))["main"]
NAMES = dict(zip("ENWS", DIRECTIONS, strict=True)) | {".": "noise"}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return str(compass(tmp_path_factory.mktemp("network") / "compass.onnx"))


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """Runs the command in an empty folder, in which its results lie under ``out``."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return main([*map(str, arguments), "--out", "out"])

    return run


def rows(name):
    with open(f"out/{name}.modulations.csv", newline="") as file:
        return list(csv.DictReader(file))


def walked(found):
    """``(first sample, samples, label)`` of rows."""
    return [(int(row["sample_start"]), int(row["sample_count"]), row["label"]) for row in found]


def steps(phases, samples=160, start=0):
    """What `walked` is of ``walk(phases, samples)``."""
    return [(start + samples * place, samples, NAMES[phase]) for place, phase in enumerate(phases)]


def write_sigmf(samples, annotations=(), **facts):
    samples.tofile("a.sigmf-data")
    captures = [{"core:sample_start": facts.get("core:offset", 0), "core:frequency": 100e6}]
    facts = {"core:datatype": "cf32_le", "core:sample_rate": 1000, "core:version": "1.0.0", **facts}
    content = {"global": facts, "captures": captures, "annotations": list(annotations)}
    with open("a.sigmf-meta", "w") as file:
        json.dump(content, file)
    return content


def meta(path):
    with open(path) as file:
        return json.load(file)


def test_stretches_are_told_in_samples_seconds_and_decibels(network, in_folder, capsys):
    (walk("ENWWS") * 0.5).tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000, "--vote", 5) == 0
    found = rows("a")
    assert walked(found) == [(0, 160, "east"), (160, 160, "north"), (320, 320, "west"), (640, 160, "south")]
    assert [float(found[2][key]) for key in ("time_start", "seconds", "windows")] == [0.32, 0.32, 20]
    assert float(found[2]["power_db"]) == pytest.approx(20 * np.log10(0.5), abs=0.01)
    # Logits are 20 times the mean, +-10 and 0: nearly certain.
    assert float(found[2]["probability"]) > 0.999
    out = capsys.readouterr().out
    assert "a.cf32: 0.8 s at 1000 samples/s" in out
    assert "40.00" in out  # percent of the time, west
    told = meta("out/a.modulations.json")
    assert told["findings"][2] == {
        key: row if key == "label" else pytest.approx(float(row)) for key, row in found[2].items()
    }
    assert told["summary"]["west"]["samples"] == 320
    assert told["network"]["classes"] == list(DIRECTIONS)
    assert told["settings"]["vote"] == 5


def test_every_kind_of_file_gives_the_same(network, in_folder):
    signal = walk("ENWS") * 0.9
    parts = signal.view(np.float32).reshape(-1, 2)
    signal.tofile("raw.cf32")
    (parts * 32767).astype("<i2").tofile("sixteen.cs16")
    (parts * 127).astype("i1").tofile("eight.cs8")
    (parts * 127 + 127.5).astype("u1").tofile("unsigned.cu8")
    wavfile.write("sound.wav", 1000, (parts * 32767).astype(np.int16))
    np.save("array.npy", signal)
    write_sigmf(signal)
    names = ["raw.cf32", "sixteen.cs16", "eight.cs8", "unsigned.cu8", "sound.wav", "array.npy", "a.sigmf-meta"]
    assert in_folder(network, *names, "--sample-rate", 1000, "--vote", 10) == 0
    for name in names:
        assert walked(rows(name.rpartition(".")[0])) == steps("ENWS")


def test_stream_is_told_as_it_is_heard(network, in_folder, capsys, monkeypatch):
    class Standard:
        buffer = io.BytesIO(walk("ENE").tobytes())

    monkeypatch.setattr("sys.stdin", Standard)
    assert in_folder(network, "-", "--datatype", "cf32_le", "--sample-rate", 1000, "--vote", 10) == 0
    assert walked(rows("stdin")) == steps("ENE")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["0.000000", "s", "0.160000", "s", "east", "1.00"],
        ["0.160000", "s", "0.160000", "s", "north", "1.00"],
        ["0.320000", "s", "0.160000", "s", "east", "1.00"],
    ]


def test_steady_stream_is_told_every_second(network, in_folder, monkeypatch):
    class Slow(io.BytesIO):
        def read1(self, most=-1):
            return super().read1(160 * 8)

    class Standard:
        buffer = Slow(walk("E" * 20).tobytes())

    monkeypatch.setattr("sys.stdin", Standard)
    assert in_folder(network, "-", "--datatype", "cf32", "--sample-rate", 1000, "--vote", 10) == 0
    assert walked(rows("stdin")) == [(0, 1120, "east"), (1120, 1120, "east"), (2240, 960, "east")]


def test_noise_gate_and_threshold_name_what_is_no_class(network, in_folder):
    walk("E.N.", samples=320).tofile("a.cf32")
    options = ["--sample-rate", 1000, "--vote", 10]
    assert in_folder(network, "a.cf32", *options, "--noise-gate", 10) == 0
    found = rows("a")
    assert walked(found) == steps("E.N.", samples=320)
    assert found[1]["probability"] == ""
    assert float(found[1]["power_db"]) == pytest.approx(-37, abs=1)
    # Without a gate the noise goes to the network, which is sure of nothing: logits near 0.
    assert in_folder(network, "a.cf32", *options) == 0
    assert [row["label"] for row in rows("a")] == ["east", "unknown", "north", "unknown"]
    assert in_folder(network, "a.cf32", *options, "--threshold", 0) == 0
    assert "unknown" not in {row["label"] for row in rows("a")}


def test_silence_is_noise_without_a_gate(network, in_folder):
    np.concatenate([walk("E"), np.zeros(160, np.complex64)]).tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000) == 0
    assert walked(rows("a")) == steps("E.")
    assert rows("a")[1]["power_db"] == ""


@pytest.mark.parametrize("shift", ["-220", "-2.2e2"])
def test_frequency_shift_brings_a_signal_to_the_middle(network, in_folder, shift):
    signal = walk("ENWS") * np.exp(2j * np.pi * 0.22 * np.arange(640))
    signal.astype(np.complex64).tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000, "--vote", 10, "--freq-shift", shift) == 0
    assert walked(rows("a")) == steps("ENWS")


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


def test_annotations_go_into_a_copy_that_has_its_samples(network, in_folder):
    mine = {"core:sample_start": 200, "core:sample_count": 9, "core:label": "mine"}
    content = write_sigmf(walk("E.N", noise=0.001), [mine], **{"core:offset": 50})
    before = Path("a.sigmf-meta").read_text()
    options = ["--vote", 10, "--noise-gate", 20, "--freq-shift", "0"]
    assert in_folder(network, "a.sigmf-meta", *options) == 0
    assert Path("a.sigmf-meta").read_text() == before
    found = meta("out/a.sigmf-meta")
    assert found["global"] == content["global"]
    east, kept, north = found["annotations"]
    assert kept == mine
    assert (east["core:sample_start"], east["core:sample_count"], east["core:label"]) == (50, 160, "east")
    assert (north["core:sample_start"], north["core:sample_count"], north["core:label"]) == (370, 160, "north")
    assert (east["core:freq_lower_edge"], east["core:freq_upper_edge"]) == (100e6 - 500, 100e6 + 500)
    assert "compass.onnx" in east["core:generator"]
    copy = open_recording("out/a.sigmf-meta")
    np.testing.assert_array_equal(next(copy.blocks()), walk("E.N", noise=0.001))


def test_annotated_band_is_what_the_network_heard(network, in_folder):
    write_sigmf(walk("E"))
    options = ["--freq-shift", "-200", "--resample", "250", "--threshold", "0"]
    assert in_folder(network, "a.sigmf-meta", *options) == 0
    annotation = meta("out/a.sigmf-meta")["annotations"][0]
    assert annotation["core:freq_lower_edge"] == 100e6 + 200 - 125
    assert annotation["core:freq_upper_edge"] == 100e6 + 200 + 125


def test_annotations_in_place_are_not_doubled_by_a_second_run(network, in_folder):
    write_sigmf(walk("EN"), [{"core:sample_start": 0, "core:label": "mine"}])
    for _ in range(2):
        assert in_folder(network, "a.sigmf-meta", "--in-place", "--vote", 10) == 0
        labels = [entry["core:label"] for entry in meta("a.sigmf-meta")["annotations"]]
        assert labels == ["mine", "east", "north"]


def test_original_metadata_are_not_overwritten_by_accident(network, in_folder, tmp_path, capsys):
    write_sigmf(walk("EN"))
    before = Path("a.sigmf-meta").read_text()
    assert main([network, "a.sigmf-meta", "--out", str(tmp_path)]) == 2
    assert "--in-place" in capsys.readouterr().err
    assert Path("a.sigmf-meta").read_text() == before


def test_inputs_of_one_name_get_results_of_their_own(network, in_folder, tmp_path):
    for folder, phases in (("x", "E"), ("y", "N"), ("z", "W")):
        (tmp_path / folder).mkdir()
        walk(phases).tofile(tmp_path / folder / "a.cf32")
    walk("S").tofile("a_2.cf32")
    inputs = ["x/a.cf32", "a_2.cf32", "y/a.cf32", "z/a.cf32"]
    assert in_folder(network, *inputs, "--sample-rate", 1000) == 0
    labels = {name: rows(name)[0]["label"] for name in ("a", "a_2", "a_3", "a_4")}
    assert labels == {"a": "east", "a_2": "south", "a_3": "north", "a_4": "west"}


def test_samples_that_make_no_window_are_noted(network, in_folder, capsys):
    walk("E", samples=170).tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000) == 0
    assert walked(rows("a")) == [(0, 160, "east")]
    assert "note: 10 samples" in capsys.readouterr().out


def test_checkpoint_predicts_as_its_onnx_file_would(in_folder, tmp_path):
    torch = pytest.importorskip("torch")
    from common.classification.model import Classifier
    from tasks.amr.models import KDCNN

    torch.manual_seed(0)
    model = Classifier(KDCNN(3, 16))
    (tmp_path / "net.py").write_text(
        "task = 'amr'\nmodel = dict(type='Classifier', network=dict(type='KDCNN', num_classes=3, length=16))\n"
    )
    meta = {"dataset_meta": {"classes": ("a", "b", "c")}}
    torch.save({"state_dict": model.state_dict(), "meta": meta}, tmp_path / "net.pth")
    signal = walk("ENWS", noise=0.5)
    signal.tofile("a.cf32")
    options = ["--sample-rate", "1000", "--vote", "1", "--threshold", "0", "--device", "cpu"]
    assert in_folder("net.py", "net.pth", "a.cf32", *options) == 0
    frames = torch.from_numpy(signal.view(np.float32).reshape(40, 16, 2).transpose(0, 2, 1).copy())
    with torch.no_grad():
        expected = ["abc"[label] for label in model.eval()(frames).argmax(1)]
    found = [row["label"] for row in rows("a") for _ in range(int(row["windows"]))]
    assert found == expected


def test_suites_own_network_is_used_where_none_is_named(network, in_folder, monkeypatch, tmp_path, capsys):
    walk("E").tofile("a.cf32")
    monkeypatch.setattr(predicting, "DEFAULT_NETWORK", tmp_path / "own.onnx")
    assert in_folder("a.cf32", "--sample-rate", 1000) == 2
    assert "own.onnx but found none; name one" in capsys.readouterr().err
    compass(tmp_path / "own.onnx")
    assert in_folder("a.cf32", "--sample-rate", 1000) == 0
    assert walked(rows("a")) == steps("E")


def not_finite():
    signal = walk("EN")
    signal[300] = np.nan
    signal.tofile("bad.cf32")


def odd():
    with open("bad.cf32", "wb") as file:
        file.write(bytes(1281))


def short():
    walk("E", samples=15).tofile("bad.cf32")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (not_finite, "expected finite samples but found (nan+0j) at sample 300 of bad.cf32"),
        (odd, "expected samples of 8 bytes but found 1281 bytes in bad.cf32"),
        (short, "expected at least 16 samples, one frame of the network, but found 15 in bad.cf32"),
    ],
)
def test_bad_recording_is_one_line_and_leaves_earlier_results_alone(
    network, in_folder, tmp_path, capsys, make, message
):
    walk("E").tofile("bad.cf32")
    assert in_folder(network, "bad.cf32", "--sample-rate", 1000) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    make()
    capsys.readouterr()
    assert in_folder(network, "bad.cf32", "--sample-rate", 1000) == 2
    error = capsys.readouterr().err
    assert f"error: {message}" in error
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_bad_recordings_among_good_ones_are_listed_at_the_end(network, in_folder, capsys):
    walk("E").tofile("good.cf32")
    odd()
    assert in_folder(network, "bad.cf32", "good.cf32", "--sample-rate", 1000) == 1
    assert "1 files were skipped" in capsys.readouterr().err
    assert walked(rows("good")) == steps("E")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hop", "0"], "--hop of at least 1 sample but found 0"),
        (["--vote", "0"], "--vote of at least 1 window but found 0"),
        (["--threshold", "1.5"], "--threshold from 0 to 1 but found 1.5"),
        (["--noise-gate", "-3"], "--noise-gate above 0 dB but found -3.0"),
        (["--symbol-rate", "nan"], "positive --symbol-rate but found nan"),
        (["--freq-shift", "501"], "half of the sample rate, ±500 Hz, but found 501"),
        (["--resample", "fast"], "a rate in Hz or one such as 8sps but found 'fast'"),
        (["--resample", "-5"], "a rate in Hz or one such as 8sps but found '-5'"),
        (["--resample", "8sps"], "expected the symbol rate for --resample 8sps"),
        (["--resample", "0.001"], "factor of 1/4096 to 64"),
        (["--in-place"], "expected a SigMF recording for annotations in place but found a.cf32"),
        (["--labels"], "--labels does not belong to"),
        (["--teacher", "a.py", "a.pth"], "--teacher"),
        (["--datatype", "mp3"], "found 'mp3'"),
    ],
)
def test_wrong_option_is_one_line_and_writes_nothing(network, in_folder, tmp_path, capsys, options, message):
    walk("E").tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000, *options) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert list(tmp_path.rglob("out/*")) == []


def test_options_for_recordings_are_refused_for_images(in_folder, tmp_path, capsys):
    (tmp_path / "net.py").write_text("default_scope = 'mmseg'\nmodel = dict(type='EncoderDecoder')\n")
    assert in_folder("net.py", "net.pth", "images", "--hop", 5) == 2
    assert "--hop does not belong to net.py" in capsys.readouterr().err


def test_incomplete_command_says_what_is_missing(in_folder, capsys):
    for arguments in (["net.py", "net.pth"], ["net.onnx"]):
        with pytest.raises(SystemExit):
            in_folder(*arguments)
        assert "INPUT but found" in capsys.readouterr().err


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


def test_results_can_be_had_without_the_command_line(network, tmp_path):
    walk("E").tofile(tmp_path / "a.cf32")
    done, skipped = predict({"network": (network,)}, [str(tmp_path / "a.cf32")], tmp_path / "out", sample_rate=1000.0)
    assert "0.00016 million samples" in done
    assert skipped == []
    with pytest.raises(DataError, match="found nothing at"):
        predict({"network": (network,)}, [str(tmp_path / "b.cf32")], tmp_path / "out", sample_rate=1000.0)
