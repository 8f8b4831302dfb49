"""From the command line: recordings in, tables and annotations out."""

import io
from pathlib import Path

import numpy as np
import pytest
from iq_networks import DIRECTIONS, compass, walk
from iq_results import main, meta, rows, steps, walked, write_sigmf
from scipy.io import wavfile

import tasks.amr.predict as predicting
from common.errors import ConfigError, DataError
from tasks.amr.iq_files import open_recording
from tasks.amr.predict import predict


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
    assert "a.cf32: 0.8 s at 1,000 samples/s" in out
    assert "40.00" in out  # percent of the recording, west
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
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(("network: ", "note: "))]
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


@pytest.mark.parametrize(("shift", "lower", "upper"), [(-200, -300, 500), (450, -500, 50), (0, -500, 500)])
def test_annotated_band_ends_where_the_recording_does(network, in_folder, shift, lower, upper):
    write_sigmf(walk("E"))
    assert in_folder(network, "a.sigmf-meta", "--freq-shift", shift, "--threshold", 0) == 0
    annotation = meta("out/a.sigmf-meta")["annotations"][0]
    assert annotation["core:freq_lower_edge"] == 100e6 + lower
    assert annotation["core:freq_upper_edge"] == 100e6 + upper


def test_copy_of_metadata_tells_the_sample_rate_that_was_given(network, in_folder, capsys):
    content = write_sigmf(walk("E"))
    assert in_folder(network, "a.sigmf-meta", "--sample-rate", 4000) == 0
    told = "note: --sample-rate 4,000 goes before the 1,000 samples/s that a.sigmf-meta tells"
    assert told in capsys.readouterr().out
    copy = meta("out/a.sigmf-meta")
    assert copy["global"] == {**content["global"], "core:sample_rate": 4000}
    annotation = copy["annotations"][0]
    assert annotation["core:freq_upper_edge"] - annotation["core:freq_lower_edge"] == 4000


def test_annotations_in_place_do_not_change_the_sample_rate(network, in_folder, capsys):
    write_sigmf(walk("E"))
    before = Path("a.sigmf-meta").read_text()
    assert in_folder(network, "a.sigmf-meta", "--sample-rate", 4000, "--in-place") == 2
    assert "--in-place at the 1000 samples/s of a.sigmf-meta but found --sample-rate 4000" in capsys.readouterr().err
    assert Path("a.sigmf-meta").read_text() == before
    assert in_folder(network, "a.sigmf-meta", "--sample-rate", 1000, "--in-place") == 0


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


def test_samples_that_make_no_window_are_noted(network, in_folder, capsys):
    walk("E", samples=170).tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000) == 0
    assert walked(rows("a")) == [(0, 160, "east")]
    assert "note: 10 samples (5.88 % of the recording) at the end, fewer than a window" in capsys.readouterr().out


def test_shares_are_of_the_whole_recording_and_add_up(network, in_folder, capsys):
    # 160 samples of a signal, 160 of silence, 160 of a signal and 20, of which 16 make a window.
    np.concatenate([walk("E"), np.zeros(160, np.complex64), walk("N", samples=180)]).tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000) == 0
    shares = meta("out/a.modulations.json")["summary"]
    assert {name: (share["samples"], share["percent"]) for name, share in shares.items()} == {
        "north": (176, pytest.approx(35.2)),
        "east": (160, pytest.approx(32)),
        "noise": (160, pytest.approx(32)),
        "not heard": (4, pytest.approx(0.8)),
    }
    assert shares["not heard"]["probability"] is None
    out = capsys.readouterr().out
    assert "% of the recording" in out
    assert "note: 'noise' is silence: the network did not hear it" in out


def test_samples_between_windows_are_accounted_for(network, in_folder, capsys):
    # Two stretches of 8 windows every 20 samples, 16 long; the last 4 samples of each lie in no window.
    walk("EN").tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000, "--hop", 20, "--vote", 8) == 0
    shares = meta("out/a.modulations.json")["summary"]
    assert {name: share["samples"] for name, share in shares.items()} == {"east": 156, "north": 156, "not heard": 8}
    out = capsys.readouterr().out
    assert "note: 8 samples (2.5 % of the recording) in no window, at the end or between hops" in out
    assert "note: of every 20 samples 4 were skipped" in out


def test_gated_windows_are_told_as_not_heard(network, in_folder, capsys):
    walk("E.", samples=320).tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000, "--noise-gate", 10) == 0
    assert "note: 'noise' is less than 10 dB over the floor: the network did not hear it" in capsys.readouterr().out


def test_gate_that_takes_a_steady_signal_for_noise_says_so(network, in_folder, capsys):
    walk("EN").tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000, "--noise-gate", 10) == 0
    assert "the gate found no signal" in capsys.readouterr().out
    np.zeros(160, np.complex64).tofile("b.cf32")
    assert in_folder(network, "b.cf32", "--sample-rate", 1000, "--noise-gate", 10) == 0
    assert "the gate found no signal" not in capsys.readouterr().out


def test_signal_after_long_silence_is_known_by_the_noise_behind_it(network, in_folder):
    # 500 windows of zeros and 500 of a signal, more than a stream's gate looks ahead.
    signal = np.concatenate([np.zeros(8000, np.complex64), walk("E.", samples=8000)])
    signal.tofile("a.cf32")
    assert in_folder(network, "a.cf32", "--sample-rate", 1000, "--noise-gate", 10) == 0
    assert walked(rows("a")) == steps(".E.", samples=8000)


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


@pytest.mark.parametrize(
    ("inputs", "before"),
    [
        (["a.pth", "a.cf32"], "CONFIG CHECKPOINT.pth RECORDING ..."),
        (["a.cf32", "b.PT"], "CONFIG CHECKPOINT.pt RECORDING ..."),
        (["a.ckpt"], "CONFIG CHECKPOINT.ckpt RECORDING ..."),
        (["a.cf32", "b.onnx"], "NETWORK.onnx RECORDING ..."),
    ],
)
def test_network_among_the_recordings_is_not_answered_by_another(network, tmp_path, inputs, before):
    walk("E").tofile(tmp_path / "a.cf32")
    with pytest.raises(ConfigError, match="expected recordings but found the network") as caught:
        predict({"network": (network,)}, [str(tmp_path / name) for name in inputs], tmp_path / "out", sample_rate=1e3)
    assert str(caught.value).endswith(f"a network goes first: {before}")
    assert not (tmp_path / "out").exists()


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
        (["--vote", "0"], "--vote of 1 to 1,000,000 windows but found 0"),
        (["--vote", str(10**20)], f"--vote of 1 to 1,000,000 windows but found {10**20}"),
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


def test_results_can_be_had_without_the_command_line(network, tmp_path):
    walk("E").tofile(tmp_path / "a.cf32")
    done, skipped = predict({"network": (network,)}, [str(tmp_path / "a.cf32")], tmp_path / "out", sample_rate=1000.0)
    assert "0.00016 million samples" in done
    assert skipped == []
    with pytest.raises(DataError, match="found nothing at"):
        predict({"network": (network,)}, [str(tmp_path / "b.cf32")], tmp_path / "out", sample_rate=1000.0)
