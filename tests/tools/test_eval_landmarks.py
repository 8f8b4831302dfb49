import csv
import json
import runpy

import numpy as np
import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.registry import MODELS
from PIL import Image
from square_faces import POINTS

from common.landmark_files.pts import write_pts
from tasks.landmarks.crop import apply, box_of, normalised, square_crop

evaluate = runpy.run_path(str(ROOT / "tools" / "eval_landmarks.py"))["main"]

SIZE = 32
CONFIG = """
task = 'landmarks'
model = dict(
    type='LandmarkModel',
    network=dict(type='PointRegressor', backbone='mobilenet_v2', num_points=5, options=dict(width_mult=0.1)))
_faces = dict(type='PTSFaces', data_root={root!r}, scheme=None, size=32)
train_dataloader = dict(dataset=dict(part='train', **_faces))
val_dataloader = dict(dataset=dict(part='val', **_faces))
test_dataloader = dict(dataset=dict(part='test', **_faces))
"""
SCHEME = {"points": 5, "flip_pairs": [[0, 1], [3, 4]], "ocular": [0, 1], "regions": {"eyes": [0, 1]}}


@pytest.fixture
def data_root(tmp_path):
    """Four test faces, one of them flat, and one for each other part."""
    root = tmp_path / "faces"
    for part, names in (("train", "a"), ("val", "b"), ("test", "cdef")):
        (root / part).mkdir(parents=True)
        for name in names:
            Image.new("RGB", (40, 32), (90, 120, 150)).save(root / part / f"{name}.png")
            write_pts(root / part / f"{name}.pts", POINTS)
    (root / "scheme.json").write_text(json.dumps(SCHEME))
    return root


@pytest.fixture
def make_network(tmp_path, data_root):
    """Writes a config, and a checkpoint of a network that is wrong by a share of the crop at every point."""
    (tmp_path / "config.py").write_text(CONFIG.format(root=str(data_root)))
    model = MODELS.build(Config.fromfile(tmp_path / "config.py").model)
    right = normalised(apply(square_crop(box_of(POINTS), SIZE), POINTS.astype(np.float64)), SIZE)

    def make(name, wrong, seed=None):
        torch.nn.init.zeros_(model.network.head.weight)
        model.network.head.bias.data = torch.from_numpy((right + np.array([wrong, 0])).astype(np.float32).ravel())
        stored = {"state_dict": model.state_dict()} | ({} if seed is None else {"distill": {"seed": seed}})
        (tmp_path / name).mkdir()
        torch.save(stored, tmp_path / name / "last.pth")
        return [str(tmp_path / "config.py"), str(tmp_path / name / "last.pth")]

    return make


def record(out):
    return json.loads((out / "evaluation.json").read_text(encoding="utf-8"))


def test_seeds_under_one_name_are_compared_with_a_baseline(make_network, tmp_path, capsys):
    out = tmp_path / "out"
    # The crop is 15 pixels wide and the eyes 10 apart: 2 % of the crop are 3 % of the distance.
    files = [*make_network("plain", 0.04), *make_network("kd_0", 0.02, seed=7), *make_network("kd_1", -0.03)]
    options = ["--names", "plain", "kd", "kd", "--baseline", "plain", "--pictures", "1", "--paper-auc"]
    assert evaluate([*files, *options, "--out", str(out), "--device", "cpu"]) == 0
    found = record(out)["networks"]
    scores = {name: [run["scores"]["nme_ocular"] for run in each["runs"]] for name, each in found.items()}
    assert scores == {"plain": pytest.approx([6], abs=1e-3), "kd": pytest.approx([3, 4.5], abs=1e-3)}
    assert found["kd"]["runs"][0]["source"]["seed"] == 7
    assert found["kd"]["cost"]["size"] == SIZE
    assert len(found["kd"]["auc_paper"]["runs"]) == 2
    printed, said = capsys.readouterr()
    assert "warning" not in said
    assert "3.75 ± 1.06" in printed
    assert "-2.25, -37.5 % (spread unknown)" in printed
    assert "AUC of the paper" in printed
    assert f"report: {out / 'index.html'}" in printed
    assert "inter-ocular 0-1" in record(out)["provenance"]["distance"]
    assert str(tmp_path) not in (out / "evaluation.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in (out / "index.html").read_text(encoding="utf-8")


def test_split_limit_distance_and_data_root_are_taken(make_network, tmp_path, data_root):
    network = make_network("plain", 0.02)
    moved = data_root.rename(tmp_path / "moved")
    options = ["--out", str(tmp_path / "out"), "--device", "cpu", "--pictures", "0", "--data-root", str(moved)]
    for arguments, names in ((["--split", "val"], "b"), (["--limit", "2"], "ce"), (["--distance", "box"], "cdef")):
        assert evaluate([*network, *arguments, *options]) == 0
        with (tmp_path / "out" / "faces.csv").open(encoding="utf-8") as file:
            assert "".join(row["face"] for row in csv.DictReader(file)) == names
    assert "fr10_box" in record(tmp_path / "out")["networks"]["plain"]["mean"]


def test_config_options_and_frame_are_taken(make_network, tmp_path):
    network = make_network("plain", 0.02)
    stretched = ["--frame", "crop", "--cfg-options", "test_dataloader.dataset.stretch=5"]
    options = ["--out", str(tmp_path / "out"), "--device", "cpu", "--pictures", "0"]
    assert evaluate([*network, *stretched, *options]) == 0
    # The crop is 20 in place of 15 pixels wide, so that every point comes farther from its middle, (15, 15).
    errors = np.linalg.norm((POINTS - 15) * (20 / 15 - 1) + [20 * 0.02, 0], axis=1)
    assert record(tmp_path / "out")["networks"]["plain"]["mean"]["nme_ocular"] == pytest.approx(
        10 * errors.mean(), rel=1e-4
    )
    assert record(tmp_path / "out")["distance"]["frame"] == "crop"


def test_test_faces_that_were_trained_on_are_warned_of(make_network, tmp_path, capsys):
    network = make_network("plain", 0.02)
    options = ["--cfg-options", "train_dataloader.dataset.part=test", "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert evaluate([*network, *options, "--pictures", "0"]) == 0
    assert "warning: plain: 4 of 4 images of the test split are in the train split too" in capsys.readouterr().err


def test_test_faces_can_be_there_alone(make_network, tmp_path, data_root):
    network = make_network("plain", 0.02)
    for part in ("train", "val"):
        for file in (data_root / part).iterdir():
            file.unlink()
        (data_root / part).rmdir()
    assert evaluate([*network, "--out", str(tmp_path / "out"), "--device", "cpu", "--pictures", "0"]) == 0


def test_a_face_without_a_distance_is_named_and_nothing_is_written(make_network, tmp_path, data_root, capsys):
    write_pts(data_root / "test" / "d.pts", POINTS * [0, 1])
    network = make_network("plain", 0.02)
    assert evaluate([*network, "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    assert "inter-ocular 0-1) but found none for d;" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_distance_that_the_scheme_lacks_is_refused(make_network, capsys):
    assert evaluate([*make_network("plain", 0.02), "--distance", "pupil", "--device", "cpu"]) == 2
    assert "has no distance 'pupil'; there are ocular, box" in capsys.readouterr().err


def test_networks_without_names_go_by_their_folders(make_network, tmp_path):
    files = [*make_network("plain", 0.02), *make_network("kd", 0.01)]
    assert evaluate([*files, "--out", str(tmp_path / "out"), "--device", "cpu", "--pictures", "0"]) == 0
    assert list(record(tmp_path / "out")["networks"]) == ["plain", "kd"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(capsys):
    assert evaluate(["a.py", "a.pth", "--device", "cuda"]) == 2
    assert "expected a GPU" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.py"], "expected pairs of CONFIG CHECKPOINT but found 1 files"),
        (["a.py", "a.pth", "--names", "x", "y"], "expected 1 --names, one for each pair, but found 2"),
        (["a.py", "a.pth", "--names", "x", "--baseline", "y"], "expected --baseline among x but found 'y'"),
        (["a.py", "a.pth", "--pictures", "-1"], "expected --pictures and --rounds of at least 0"),
        (["a.py", "a.pth", "--limit", "0"], "and --limit of at least 1"),
        (["a.py", "a.pth", "--distance", "nose"], "invalid choice: 'nose'"),
    ],
)
def test_command_line_that_does_not_fit_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        evaluate(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
