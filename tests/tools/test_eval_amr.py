import json
import pickle
import runpy

import numpy as np
import pytest
import torch
from coded_frames import write_frames, write_network
from conftest import ROOT
from iq_networks import compass

evaluate = runpy.run_path(str(ROOT / "tools" / "eval_amr.py"))["main"]
# Both networks see BPSK in noise; what stands in row 1 is wrong at 0 dB.
CODES = {
    ("BPSK", -18): (0, 0),
    ("QPSK", -18): (0, 0),
    ("BPSK", 0): (0, 1),
    ("QPSK", 0): (1, 0),
}


@pytest.fixture
def root(tmp_path):
    return write_frames(tmp_path / "data", CODES)


@pytest.fixture
def files(tmp_path, root):
    """Configs and checkpoints of a teacher, and of a student's two seeds."""
    networks = {"teacher": {"scale": 4.0}, "ce_0": {"row": 0.0}, "ce_1": {"row": 1.0}}
    return [path for name, options in networks.items() for path in write_network(tmp_path / name, root, **options)]


def record(out):
    return json.loads((out / "evaluation.json").read_text(encoding="utf-8"))


def test_seeds_under_one_name_are_compared_with_a_baseline(files, tmp_path, capsys):
    out = tmp_path / "out"
    names = ["--names", "teacher", "ce", "ce", "--baseline", "ce"]
    assert evaluate([*files, *names, "--out", str(out), "--device", "cpu", "--rounds", "1"]) == 0
    found = record(out)["networks"]
    assert {name: [run["scores"]["accuracy"] for run in each["runs"]] for name, each in found.items()} == {
        "teacher": [75.0],
        "ce": [75.0, 25.0],
    }
    printed = capsys.readouterr().out
    assert "50.00 ± 35.36" in printed
    assert "Against ce" in printed
    assert f"report: {out / 'index.html'}" in printed
    assert record(out)["provenance"]["data"].endswith(".h5")
    assert str(tmp_path) not in (out / "evaluation.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in (out / "index.html").read_text(encoding="utf-8")


def test_networks_without_names_go_by_their_folders(files, tmp_path):
    assert evaluate([*files, "--out", str(tmp_path / "out"), "--device", "cpu", "--rounds", "0"]) == 0
    assert list(record(tmp_path / "out")["networks"]) == ["teacher", "ce_0", "ce_1"]


def test_split_data_and_config_options_are_taken(files, tmp_path):
    other = write_frames(tmp_path / "other", {("BPSK", 0): (0, 0), ("QPSK", 0): (0, 0)}, frames=20)
    quick = [*files[:2], "--out", str(tmp_path / "out"), "--device", "cpu", "--rounds", "0"]
    for arguments, frames in (
        ([], 24),
        (["--split", "val"], 8),
        (["--split", "all"], 40),
        (["--split", "all", "--data", str(other / "frames.pkl")], 40),
        (["--data-root", str(other)], 24),
        (["--cfg-options", "test_dataloader.dataset.frames_per_cell=2"], 8),
    ):
        assert evaluate([*quick, *arguments]) == 0
        assert record(tmp_path / "out")["frames"] == frames


def test_warnings_are_shown(tmp_path, capsys):
    root = write_frames(tmp_path / "data", {("BPSK", -18): (0, 0), ("QPSK", -18): (1, 0)}, frames=50)
    network = write_network(tmp_path / "kd", root)
    assert evaluate([*network, "--out", str(tmp_path / "out"), "--device", "cpu", "--rounds", "0"]) == 0
    assert "warning: kd: 100.0 % of 60 frames at -16 dB and lower" in capsys.readouterr().err
    assert "<h2>Warnings" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_threads_are_set_and_stated(files, tmp_path):
    before = torch.get_num_threads()
    try:
        arguments = ["--out", str(tmp_path / "out"), "--device", "cpu", "--rounds", "1", "--threads", "3"]
        assert evaluate([*files[:2], *arguments]) == 0
    finally:
        torch.set_num_threads(before)
    assert record(tmp_path / "out")["networks"]["teacher"]["cost"]["threads"] == 3


def test_ranges_of_confusion_are_taken(files, tmp_path):
    arguments = ["--out", str(tmp_path / "out"), "--device", "cpu", "--rounds", "0", "--ranges=:-10,0:"]
    assert evaluate([*files[:2], *arguments]) == 0
    page = (tmp_path / "out" / "confused_pairs.csv").read_text(encoding="utf-8")
    assert "up to -10 dB" in page
    assert "from 0 dB" not in page  # nothing is confused there


def test_missing_data_is_named_and_nothing_is_written(files, tmp_path, root, capsys):
    (root / "frames.pkl").unlink()
    assert evaluate([*files, "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    assert "frames.pkl" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(files, capsys):
    assert evaluate([*files, "--device", "cuda"]) == 2
    assert "expected a GPU" in capsys.readouterr().err


@pytest.fixture
def exported(tmp_path, monkeypatch):
    """Two networks that tell directions, and frames of two of them and of one that they do not know."""
    monkeypatch.chdir(tmp_path)
    compass(tmp_path / "a.onnx")
    compass(tmp_path / "b.onnx", scale=-20.0)
    points = {"west": (-1, 0), "east": (1, 0), "up": (0, 1)}
    cells = {(name, snr): np.ones((5, 2, 8), np.float32) for name in points for snr in (0, 10)}
    for (name, _), cell in cells.items():
        cell *= np.array(points[name], np.float32)[:, None]
    (tmp_path / "frames.pkl").write_bytes(pickle.dumps(cells, protocol=2))
    return ["--onnx", "a.onnx", "b.onnx", "--data", "frames.pkl"]


def test_exported_networks_are_scored_by_the_names_of_classes(exported, tmp_path, capsys):
    assert evaluate([*exported, "--out", "out", "--ranges=10:10", "--leave-out", "up"]) == 0
    told = json.loads((tmp_path / "out" / "onnx_evaluation.json").read_text(encoding="utf-8"))
    means = {name: network["means"]["mean without up"]["10 dB"] for name, network in told["networks"].items()}
    assert means == {"a": 100, "b": 0}
    assert (told["provenance"]["split"], told["provenance"]["frames"]) == ("all", 30)
    printed = capsys.readouterr().out
    assert "30 frames of 8 samples: all of frames.pkl" in printed
    assert "note: It does not know up" in printed
    assert "note: It was trained on frames of 16 samples and heard 8" in printed
    assert str(tmp_path) not in (tmp_path / "out" / "onnx_evaluation.json").read_text(encoding="utf-8")
    assert evaluate([*exported, "--out", "out", "--split", "test"]) == 0
    assert "6 frames of 8 samples: test of frames.pkl" in capsys.readouterr().out


def test_unknown_class_to_leave_out_is_named(exported, capsys):
    assert evaluate([*exported, "--leave-out", "down"]) == 2
    assert "expected --leave-out among east, up, west but found 'down'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.py"], "expected pairs of CONFIG CHECKPOINT but found 1 files"),
        (["a.py", "a.pth", "--names", "x", "y"], "expected 1 --names, one for each pair, but found 2"),
        (["a.py", "a.pth", "--names", "x", "--baseline", "y"], "expected --baseline among x but found 'y'"),
        (["a.py", "a.pth", "--rounds", "-1"], "expected --rounds of at least 0"),
        (["a.py", "a.pth", "--ranges=5:1"], "expected LOW:HIGH in dB, such as -10:-2 or 0:, but found '5:1'"),
        (["a.py", "a.pth", "--ranges=low"], "but found 'low'"),
        ([], "expected pairs of CONFIG CHECKPOINT but found 0 files"),
        (["a.py", "a.pth", "--leave-out", "x"], "expected --leave-out with --onnx"),
        (["--onnx", "a.onnx"], "expected --data FILE with --onnx"),
        (["a.py", "a.pth", "--data", "f", "--onnx", "a.onnx"], "expected no CONFIG CHECKPOINT with --onnx"),
        (["--onnx", "a.onnx", "--data", "f", "--rounds", "3"], "expected no --rounds with --onnx"),
        (["--onnx", "a.onnx", "--data", "f", "--cfg-options", "a=1"], "expected no --cfg-options with --onnx"),
        (["--onnx", "x/a.onnx", "y/a.onnx", "--data", "f"], "files of different names with --onnx"),
    ],
)
def test_command_line_that_does_not_fit_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        evaluate(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
