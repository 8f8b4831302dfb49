"""The command line: what it writes, what it refuses, and that workers do not matter."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_prep.amr.frames import make_frames
from data_prep.amr.generate import main
from data_prep.amr.recipe import make_recipe

ROOT = Path(__file__).resolve().parents[3]
SMALL = ["--preset", "clean", "--mods", "BPSK,WBFM", "--snrs=-4:4:8", "--frames", "3", "--workers", "1"]


def read(path):
    with path.open("rb") as file:
        return pickle.load(file, encoding="latin1")


def test_writes_what_was_asked_for(tmp_path, capsys):
    path = tmp_path / "set.pkl"
    assert main([*SMALL, "--length", "64", "--sps", "4", "--out", str(path)]) == 0
    content = read(path)
    assert set(content) == {("BPSK", -4), ("BPSK", 4), ("WBFM", -4), ("WBFM", 4)}
    assert all(frames.shape == (3, 2, 64) for frames in content.values())
    printed = capsys.readouterr().out
    assert "12 frames" in printed
    assert "Es/N0 of the digital classes is 6.0 dB more" in printed


def test_default_set_is_that_of_2016(tmp_path):
    path = tmp_path / "set.h5"
    assert main(["--preset", "rml2016", "--frames", "1", "--workers", "1", "--length", "16", "--out", str(path)]) == 0
    with h5py.File(path) as file:
        assert list(file.attrs["classes"]) == [
            *("8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"),
        ]
        assert np.unique(file["snr"]).tolist() == list(range(-20, 19, 2))
        assert len(file["X"]) == 220


def test_workers_and_company_change_nothing(tmp_path):
    arguments = ["--preset", "rml2016", "--snrs=0,10", "--seed", "4"]
    one, three, part = (tmp_path / name for name in ("one.pkl", "three.pkl", "part.pkl"))
    main([*arguments, "--mods", "QPSK,AM-DSB,GFSK", "--frames", "140", "--workers", "1", "--out", str(one)])
    main([*arguments, "--mods", "QPSK,AM-DSB,GFSK", "--frames", "140", "--workers", "3", "--out", str(three)])
    assert one.read_bytes() == three.read_bytes()
    # frames 128 and up are of another block
    frames, _ = make_frames(make_recipe("rml2016"), 4, "QPSK", 10, range(140))
    np.testing.assert_array_equal(read(one)["QPSK", 10], frames)
    main([*arguments, "--mods", "GFSK", "--frames", "5", "--workers", "1", "--out", str(part)])
    np.testing.assert_array_equal(read(part)["GFSK", 10], read(one)["GFSK", 10][:5])


@pytest.mark.parametrize(("snrs", "found"), [("-4:4:8", [-4, 4]), ("-4", [-4]), ("-8,-2,3", [-8, -2, 3])])
def test_labels_below_zero_need_no_equals_sign(tmp_path, snrs, found):
    path = tmp_path / "set.h5"
    assert main([*SMALL, "--snrs", snrs, "--out", str(path)]) == 0
    with h5py.File(path) as file:
        assert np.unique(file["snr"]).tolist() == found


def test_frozen_channel_is_warned_of(tmp_path, capsys):
    arguments = ["--mods", "BPSK", "--snrs", "0", "--frames", "1", "--workers", "1", "--out", str(tmp_path / "set.h5")]
    for options, is_warned in (["rml2016"], True), (["rml2016", "--no-frozen-channel"], False), (["clean"], False):
        main(["--preset", *options, *arguments, "--force"])
        assert ("one frozen channel and one noise sequence" in capsys.readouterr().out) is is_warned


def test_switches_reach_the_recipe(tmp_path):
    path = tmp_path / "set.h5"
    arguments = ["--preset", "rml2016", "--mods", "AM-SSB", "--snrs=10", "--frames", "4", "--workers", "1"]
    main([*arguments, "--no-am-ssb-bug", "--no-legacy-snr", "--impairments", "awgn,phase", "--out", str(path)])
    with h5py.File(path) as file:
        assert file["snr_measured_db"][:].mean() == pytest.approx(10, abs=1)
        assert '"impairments": ["awgn", "phase"]' in file.attrs["recipe"]


def test_frozen_channel_is_another_for_another_seed(tmp_path):
    sets = []
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.pkl"
        arguments = ["--preset", "rml2016", "--mods", "AM-SSB", "--snrs=0", "--frames", "2", "--workers", "1"]
        main([*arguments, "--channel-seed", seed, "--out", str(path)])
        sets.append(read(path)["AM-SSB", 0])
    assert not np.isclose(*sets).all(axis=(1, 2)).any()


def test_impairments_can_be_none(tmp_path):
    path = tmp_path / "set.h5"
    main([*SMALL, "--impairments", "none", "--out", str(path)])
    with h5py.File(path) as file:
        assert np.isposinf(file["snr_measured_db"][:]).all()


def test_several_rates_and_rolloffs_are_drawn_for_each_frame(tmp_path, capsys):
    path = tmp_path / "set.h5"
    main([*SMALL, "--frames", "40", "--sps", "4,16", "--rolloff", "0.2,0.5", "--out", str(path)])
    with h5py.File(path) as file:
        assert set(file["sps"][:].tolist()) == {4, 16}
        assert '"rolloff": [0.2, 0.5]' in file.attrs["recipe"]
        assert "samples_per_symbol" not in file.attrs
    assert "Es/N0 of the digital classes is 6.0 or 12.0 dB more" in capsys.readouterr().out


def test_command_of_the_documentation_runs_as_a_script(tmp_path):
    command = (
        "data_prep/amr/generate.py --preset rml2016 --mods BPSK,QPSK --snrs=-20:18:2 --frames 2 --length 128 --sps 8 "
        f"--impairments awgn,clock,fading,phase --seed 0 --workers 1 --out {tmp_path / 'set.pkl'}"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *command.split()], cwd=ROOT, env=environment, check=True)
    assert len(read(tmp_path / "set.pkl")) == 40


def test_existing_file_is_replaced_only_by_force(tmp_path, capsys):
    path = tmp_path / "set.pkl"
    path.write_text("mine")
    assert main([*SMALL, "--out", str(path)]) == 2
    assert "expected a new file but found" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main([*SMALL, "--force", "--out", str(path)]) == 0
    assert len(read(path)) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "set.npz"], "named *.pkl or *.h5 but found set.npz"),
        (["--out", "set.h5", "--mods", "BPSK,QPKS"], "found 'QPKS'; did you mean 'QPSK'"),
        (["--out", "set.h5", "--mods", "bpsk"], "found 'bpsk'; did you mean 'BPSK'"),
        (["--out", "set.h5", "--mods", ","], "at least one modulation but found none"),
        (["--out", "set.h5", "--snrs=4:0:2"], "at least one SNR label but found none"),
        (["--out", "set.h5", "--frames", "0"], "frames, whole, of 1..2147483648 but found 0"),
        (["--out", "set.h5", "--sps", "8,1"], "sps, whole, of 2..64 but found 1"),
        (["--out", "set.h5", "--workers", "0"], "workers >= 1 but found 0"),
        (["--out", "set.h5", "--impairments", "awgn,rain"], "found 'rain'"),
    ],
)
def test_bad_requests_end_with_one_message(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["--preset", "clean", "--workers", "1", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["a:b:c", "0:10", "0:10:0", "1.5", ""])
def test_malformed_snrs_are_a_usage_error(capsys, text):
    with pytest.raises(SystemExit) as stop:
        main(["--preset", "clean", "--out", "set.h5", f"--snrs={text}"])
    assert stop.value.code == 2
    assert "expected FIRST:LAST:STEP or A,B,C in whole dB" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "text"), [("--sps", "4,x"), ("--sps", "4.5"), ("--rolloff", "0.2;0.3")])
def test_malformed_lists_are_a_usage_error(capsys, option, text):
    with pytest.raises(SystemExit) as stop:
        main(["--preset", "clean", "--out", "set.h5", option, text])
    assert stop.value.code == 2
    assert f"as A or A,B,... but found '{text}'" in capsys.readouterr().err
