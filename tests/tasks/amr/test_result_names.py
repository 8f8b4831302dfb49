"""Results of another recording or network are never replaced."""

import io
from pathlib import Path

import numpy as np
from iq_networks import compass, walk
from iq_results import main, meta, rows, write_sigmf

from tasks.amr.iq_files import open_recording


def test_inputs_of_one_name_get_results_of_their_own(network, in_folder, tmp_path):
    for folder, phases in (("x", "E"), ("y", "N"), ("z", "W")):
        (tmp_path / folder).mkdir()
        walk(phases).tofile(tmp_path / folder / "a.cf32")
    walk("S").tofile("a_2.cf32")
    inputs = ["x/a.cf32", "a_2.cf32", "y/a.cf32", "z/a.cf32"]
    assert in_folder(network, *inputs, "--sample-rate", 1000) == 0
    labels = {name: rows(name)[0]["label"] for name in ("a", "a_2", "a_3", "a_4")}
    assert labels == {"a": "east", "a_2": "south", "a_3": "north", "a_4": "west"}


def test_later_call_replaces_the_results_of_the_same_recording_alone(network, in_folder, tmp_path, capsys):
    for folder, phases in (("x", "E"), ("y", "N")):
        (tmp_path / folder).mkdir()
        walk(phases).tofile(tmp_path / folder / "a.cf32")
    for place in ("x/a.cf32", "y/a.cf32", tmp_path / "x" / "a.cf32", "y/a.cf32"):
        capsys.readouterr()
        assert in_folder(network, place, "--sample-rate", 1000) == 0
    told = "note: a in out is of another recording or network: these results are called a_2"
    assert told in capsys.readouterr().out
    assert (rows("a")[0]["label"], rows("a_2")[0]["label"]) == ("east", "north")
    assert not list(tmp_path.glob("out/a_3*"))


def test_every_network_has_results_of_its_own(network, in_folder, tmp_path, capsys):
    walk("E").tofile("a.cf32")
    (tmp_path / "x").mkdir()
    others = [compass(tmp_path / name, classes=tuple("abcd")) for name in ("other.onnx", "x/compass.onnx")]
    for place in (network, *others):
        assert in_folder(place, "a.cf32", "--sample-rate", 1000) == 0
    assert "note: a in out is of another recording or network" in capsys.readouterr().out
    assert [rows(name)[0]["label"] for name in ("a", "a_2", "a_3")] == ["east", "a", "a"]
    capsys.readouterr()
    assert in_folder("x/compass.onnx", "a.cf32", "--sample-rate", 1000) == 0
    assert "these results are called a_3" in capsys.readouterr().out


def test_other_settings_of_the_same_network_replace_its_results(network, in_folder, tmp_path):
    walk("E").tofile("a.cf32")
    for votes in (1, 5):
        assert in_folder(network, "a.cf32", "--sample-rate", 1000, "--vote", votes) == 0
    assert meta("out/a.modulations.json")["settings"]["vote"] == 5
    assert not list(tmp_path.glob("out/a_2*"))


def test_relative_path_from_another_folder_is_another_recording(network, in_folder, tmp_path, monkeypatch):
    for folder, phases in (("x", "E"), ("y", "N")):
        (tmp_path / folder).mkdir()
        walk(phases).tofile(tmp_path / folder / "a.cf32")
        monkeypatch.chdir(tmp_path / folder)
        assert main([network, "a.cf32", "--sample-rate", "1000", "--out", str(tmp_path / "out")]) == 0
    monkeypatch.chdir(tmp_path)
    assert (rows("a")[0]["label"], rows("a_2")[0]["label"]) == ("east", "north")


def test_every_stream_has_results_of_its_own(network, in_folder, monkeypatch):
    for phases in "EN":

        class Standard:
            buffer = io.BytesIO(walk(phases).tobytes())

        monkeypatch.setattr("sys.stdin", Standard)
        assert in_folder(network, "-", "--datatype", "cf32", "--sample-rate", 1000) == 0
    assert (rows("stdin")[0]["label"], rows("stdin_2")[0]["label"]) == ("east", "north")


def test_metadata_of_another_recording_in_the_folder_of_results_stay(network, in_folder, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    write_sigmf(walk("N"))
    monkeypatch.chdir(tmp_path)
    write_sigmf(walk("E"))
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    for _ in range(2):
        assert in_folder(network, "a.sigmf-meta") == 0
    assert {name: Path("out", name).read_bytes() for name in before} == before
    assert meta("out/a_2.sigmf-meta")["annotations"][0]["core:label"] == "east"
    np.testing.assert_array_equal(next(open_recording("out/a_2.sigmf-meta").blocks()), walk("E"))
    assert not Path("out/a_3.sigmf-meta").exists()


def test_damaged_results_are_not_replaced(network, in_folder, tmp_path):
    walk("E").tofile("a.cf32")
    (tmp_path / "out").mkdir()
    for content in ("not JSON", '{"result_key": broken'):
        Path("out/a.modulations.json").write_text(content)
        assert in_folder(network, "a.cf32", "--sample-rate", 1000) == 0
        assert Path("out/a.modulations.json").read_text() == content
    assert rows("a_2")[0]["label"] == "east"
