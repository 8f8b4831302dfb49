"""Exported networks: checkpoint, ONNX and 8-bit integers, of a network that finds coloured discs."""

import json
import runpy

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import ROOT
from painted_faces import (
    CONFIG,
    DISTILLED,
    FACE,
    PLAIN,
    SIZE,
    ColourCentroids,
    FaceColourDetector,
    SmallRegressor,
    face_points,
    paint,
)
from square_faces import SCHEME
from torch import nn

from common.errors import CheckpointError, ConfigError, UserError
from common.export import export_onnx
from common.landmark_files import write_pts, write_scheme
from common.onnx_files import read_metadata
from common.report import write_png
from tasks.landmarks import face_box, landmarker
from tasks.landmarks.datasets import PTSFaces
from tasks.landmarks.export import LandmarkExport, compare, export
from tasks.landmarks.face_box import FaceBox
from tasks.landmarks.landmarker import INPUT, LandmarkInfo, load_checkpoint, load_onnx
from tasks.landmarks.model import HeatmapModel, LandmarkModel
from tasks.landmarks.networks import HeatmapNetwork

main = runpy.run_path(str(ROOT / "tools" / "export.py"))["main"]


def write_faces(folder, count, seed):
    rng = np.random.default_rng(seed)
    for number in range(count):
        points = face_points(rng.uniform(60, 100, 2), rng.uniform(30, 60))
        write_png(folder / f"{number}.png", paint([points], 160, 160))
        write_pts(folder / f"{number}.pts", points)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder with data, configs ``net.py`` and ``distilled.py``, and a checkpoint as a training writes it."""
    folder = tmp_path_factory.mktemp("painted")
    for seed, part in enumerate(("train", "val", "test")):
        write_faces(folder / "data" / part, 6, seed)
    write_scheme(folder / "data" / "scheme.json", SCHEME)
    model = LandmarkModel(ColourCentroids())
    meta = {"dataset_meta": {"classes": (), "scheme": SCHEME.as_dict()}, "iter": 40}
    torch.save({"state_dict": model.state_dict(), "meta": meta, "optimizer": {"state": {}}}, folder / "net.pth")
    for name, text in (("net", PLAIN), ("distilled", DISTILLED)):
        (folder / f"{name}.py").write_text(CONFIG.format(root=str(folder / "data"), scheme=None, model=text))
    return folder


@pytest.fixture(scope="module")
def exported(trained):
    """What the command line leaves of the network."""
    out = trained / "out"
    names = [str(trained / name) for name in ("distilled.py", "net.pth")]
    assert main([*names, "--out", str(out / "net.pth"), "--onnx", str(out / "net.onnx")]) == 0
    return out


def test_command_writes_three_files_and_nothing_else(exported):
    assert sorted(path.name for path in exported.iterdir()) == ["net.json", "net.onnx", "net.pth"]


@pytest.mark.parametrize("batch", [1, 3])
def test_onnx_file_gives_points_in_pixels_of_crops_of_0_to_255(exported, batch):
    points = face_points((30, 34), 24)
    crops = np.stack([paint([points], SIZE, SIZE).transpose(2, 0, 1)] * batch).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(exported / "net.onnx").run(["points"], {"image": crops})
    assert found.shape == (batch, 5, 2)
    np.testing.assert_allclose(found, np.stack([points] * batch), atol=0.1)


def test_files_tell_task_scheme_and_crop(exported):
    metadata = read_metadata(exported / "net.onnx")
    assert (metadata["task"], metadata["size"], metadata["margin"], metadata["input"]) == (
        "landmarks", "64", "0.25", INPUT,
    )  # fmt: skip
    assert json.loads(metadata["scheme"])["flip_pairs"] == [[0, 1], [3, 4]]
    expected = LandmarkInfo(SCHEME, 64, 0.25)
    assert load_onnx(exported / "net.onnx").info == expected
    assert LandmarkInfo.of_dict(torch.load(exported / "net.pth")["meta"]["landmarks"], "net.pth") == expected


def test_exported_checkpoint_is_plain_and_knows_its_crop_without_the_data(trained, exported, tmp_path):
    stored = torch.load(exported / "net.pth")  # weights_only: nothing but plain values
    assert sorted(stored) == ["distill", "meta", "state_dict"]
    config = tmp_path / "elsewhere.py"
    config.write_text(CONFIG.format(root="no/such/data", scheme="68", model=PLAIN))
    assert load_checkpoint(config, exported / "net.pth").info == load_onnx(exported / "net.onnx").info


def test_onnx_and_checkpoint_find_the_same_points_in_an_image(trained, exported):
    points = face_points((90, 60), 41)
    image, box = paint([points]), [60, 30, 120, 95]
    found = [
        network.points(image, [box, box])
        for network in (load_onnx(exported / "net.onnx", 1), load_checkpoint(trained / "net.py", trained / "net.pth"))
    ]
    assert found[0].shape == (2, 5, 2)
    np.testing.assert_allclose(found[0], found[1], atol=0.01)
    np.testing.assert_allclose(found[0][0], points, atol=0.3)


def test_without_onnx_only_a_checkpoint_is_written(trained, tmp_path):
    report = export(trained / "net.py", trained / "net.pth", tmp_path / "small.pth")
    assert (report["onnx"], report["int8"], report["parameters"]) == (None, None, 15)
    assert [path.name for path in tmp_path.iterdir()] == ["small.pth"]


def test_networks_stay_within_a_thousandth_of_a_pixel_of_torch(trained, exported):
    report = json.loads((exported / "net.json").read_text())
    assert report["onnx"]["max_abs_difference"] < 1e-3
    assert report["onnx"]["latency_ms"] > 0


def test_preprocessing_of_the_model_is_inside():
    class FirstPixel(nn.Module):
        num_points = 1

        def forward(self, images):
            return images[:, :2, 0, 0]

        @staticmethod
        def points(output):
            return output

    preprocessor = {
        "type": "ImgDataPreprocessor", "mean": [10.0, 20.0, 30.0], "std": [2.0, 4.0, 8.0], "bgr_to_rgb": True,
    }  # fmt: skip
    model = LandmarkModel(FirstPixel(), data_preprocessor=preprocessor)
    image = torch.tensor([100.0, 101.0, 102.0]).view(1, 3, 1, 1)
    shares = np.array([(102 - 10) / 2, (101 - 20) / 4])
    np.testing.assert_allclose(LandmarkExport(model, 8)(image), [[(shares + 0.5) * 8 - 0.5]])


def test_integers_are_calibrated_compared_and_written_beside(trained, tmp_path, capsys, monkeypatch):
    torch.manual_seed(0)
    model = LandmarkModel(SmallRegressor())
    config, checkpoint = tmp_path / "regressor.py", tmp_path / "regressor.pth"
    network = "dict(type='LandmarkModel', network=dict(type='SmallRegressor'))"
    text = CONFIG.format(root="data", scheme=None, model=network)
    config.write_text(text)
    torch.save({"state_dict": model.state_dict(), "meta": {}}, checkpoint)
    out = tmp_path / "out"
    options = ["--int8", "--calibration-frames", "4", "--part", "val", "--data-root", str(trained / "data")]
    monkeypatch.chdir(trained)  # where data/scheme.json lies
    assert main([str(config), str(checkpoint), "--out", f"{out}/n.pth", "--onnx", f"{out}/n.onnx", *options]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["n.int8.onnx", "n.json", "n.onnx", "n.pth"]
    int8 = json.loads((out / "n.json").read_text())["int8"]
    assert (int8["faces"], int8["part"], int8["calibration_frames"]) == (6, "val", 4)
    assert int8["megabytes"] < 0.5 * (out / "n.onnx").stat().st_size / 1e6
    assert load_onnx(out / "n.int8.onnx").info == load_onnx(out / "n.onnx").info
    assert "faces, points moved by" in capsys.readouterr().out


def test_comparison_measures_errors_in_the_image(trained, exported):
    """Of a network that is right, and of one whose points lie a tenth of the crop, 6.4 pixels of it, to the right."""
    moved = onnx.load(exported / "net.onnx")
    shift = onnx.numpy_helper.from_array(np.array([6.4, 0], np.float32), "shift")
    moved.graph.initializer.append(shift)
    last = moved.graph.output[0].name
    for node in moved.graph.node:
        node.output[:] = ["unmoved" if name == last else name for name in node.output]
    moved.graph.node.append(onnx.helper.make_node("Add", ["unmoved", "shift"], [last]))
    onnx.save(moved, trained / "moved.onnx")
    faces = PTSFaces(str(trained / "data"), "test", None, size=SIZE)
    found = compare({"fp32": exported / "net.onnx", "int8": trained / "moved.onnx"}, faces)
    assert found["moved"] == pytest.approx(10, abs=1e-3)
    # A crop is 1.5 times as wide as the face, whose eyes are as far apart as it is wide.
    assert found["nme_ocular"]["int8"] - found["nme_ocular"]["fp32"] == pytest.approx(15, abs=1)
    assert found["nme_ocular"]["fp32"] < 1
    assert found["faces"] == 6


def test_heat_maps_can_be_exported_too(tmp_path):
    class Maps(nn.Conv2d):
        num_points = 5
        points = staticmethod(HeatmapNetwork.points)

    torch.manual_seed(0)
    model = HeatmapModel(Maps(3, 5, 5, 4)).eval()
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    report = export_onnx(LandmarkExport(model, 64), tmp_path / "h.onnx", image, ["image"], ["points"], timing_runs=1)
    assert report["max_abs_difference"] < 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"int8": True}, "expected --onnx FILE"),
        ({"onnx": "net.bin"}, r"an ONNX file named \*\.onnx but found net\.bin"),
        ({"onnx": "n.onnx", "int8": True, "calibration_frames": 0}, "at least one face"),
        ({"onnx": "n.onnx", "part": "train"}, "part 'val' or 'test' but found 'train'"),
    ],
)
def test_options_that_do_not_fit_are_refused(trained, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        export(trained / "net.py", trained / "net.pth", tmp_path / "out.pth", **options)
    assert not (tmp_path / "out.pth").exists()


def test_the_checkpoint_itself_is_not_overwritten(trained):
    with pytest.raises(ConfigError, match="the checkpoint itself"):
        export(trained / "net.py", trained / "net.pth", trained / "net.pth")


def test_data_that_is_not_there_is_said_before_anything_is_written(trained, tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        export(
            trained / "net.py", trained / "net.pth", tmp_path / "out.pth", tmp_path / "out.onnx", int8=True,
            data_root="nowhere",
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_scheme_of_another_number_of_points_is_refused(trained, tmp_path):
    config = tmp_path / "net.py"
    config.write_text(CONFIG.format(root="data", scheme="68", model=PLAIN))
    torch.save({"state_dict": LandmarkModel(ColourCentroids()).state_dict()}, tmp_path / "bare.pth")
    with pytest.raises(CheckpointError, match="scheme of 5 points, as the network gives, but '68' has 68"):
        load_checkpoint(config, tmp_path / "bare.pth")


def test_a_scheme_that_nothing_tells_is_asked_for(trained, tmp_path):
    config = tmp_path / "net.py"
    config.write_text(CONFIG.format(root="no/such/data", scheme=None, model=PLAIN))
    torch.save({"state_dict": LandmarkModel(ColourCentroids()).state_dict()}, tmp_path / "bare.pth")
    with pytest.raises(CheckpointError, match=r"landmark scheme of .*bare\.pth but found none"):
        load_checkpoint(config, tmp_path / "bare.pth")


def test_an_onnx_file_of_another_task_is_refused(exported, tmp_path):
    other = onnx.load(exported / "net.onnx")
    metadata = {entry.key: entry.value for entry in other.metadata_props}
    onnx.helper.set_model_props(other, {**metadata, "task": "amr"})
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(CheckpointError, match=r"for landmarks but found task 'amr'.*other\.onnx"):
        load_onnx(tmp_path / "other.onnx")


def test_metadata_that_do_not_fit_the_network_are_refused(exported, tmp_path):
    other = onnx.load(exported / "net.onnx")
    metadata = {entry.key: entry.value for entry in other.metadata_props}
    onnx.helper.set_model_props(other, {**metadata, "size": "32"})
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(CheckpointError, match=r"as its metadata say, but found \[\[3, 64, 64\], \[5, 2\]\]"):
        load_onnx(tmp_path / "other.onnx")


@pytest.fixture
def finds_faces(monkeypatch):
    """The detector that places are measured by finds painted faces, of which three are enough."""
    monkeypatch.setattr(face_box, "HaarDetector", FaceColourDetector)
    monkeypatch.setattr(face_box, "LEAST_FOUND", 3)


def test_files_tell_where_own_points_lie_in_faces_by_the_training_data(trained, tmp_path, finds_faces):
    report = export(trained / "net.py", trained / "net.pth", tmp_path / "net.pth", tmp_path / "net.onnx")
    info = load_onnx(tmp_path / "net.onnx").info
    np.testing.assert_allclose(info.face, FACE, atol=0.03)
    assert report["landmarks"]["face"] == list(info.face)
    assert LandmarkInfo.of_dict(torch.load(tmp_path / "net.pth")["meta"]["landmarks"], "net.pth") == info


def test_a_checkpoint_of_a_training_is_measured_when_it_is_loaded(trained, finds_faces):
    np.testing.assert_allclose(load_checkpoint(trained / "net.py", trained / "net.pth").info.face, FACE, atol=0.03)


def test_where_nothing_tells_the_place_it_is_said(trained, monkeypatch):
    """The real detector does not take discs for faces."""
    said = []
    monkeypatch.setattr(landmarker, "print_log", lambda text, *_: said.append(text))
    assert load_checkpoint(trained / "net.py", trained / "net.pth").info.face == FaceBox()
    assert "net.pth: where its points lie" in said[0]
    assert "the detector finds too few of the training faces" in said[0]


@pytest.mark.parametrize(
    ("crops", "stretch", "box"), [("stretch=6.0", 6, "points"), ("stretch=0, box='union'", 0, "union")]
)
def test_a_network_of_stretched_crops_finds_points_by_them(trained, tmp_path, crops, stretch, box):
    """From a config that trains on them to the points in an image; the crop of a box of 62 x 53 is no similarity."""
    text = CONFIG.format(root=str(trained / "data"), scheme=None, model=PLAIN)
    (tmp_path / "net.py").write_text(text.replace("margin=0.25", crops).replace('"train"', '"train", augment=dict()'))
    export(tmp_path / "net.py", trained / "net.pth", tmp_path / "net.pth", tmp_path / "net.onnx")
    points = face_points((90, 60), 35)
    for network in (load_onnx(tmp_path / "net.onnx"), load_checkpoint(tmp_path / "net.py", trained / "net.pth")):
        assert (network.info.stretch, network.info.box) == (stretch, box)
        (found,) = network.points(paint([points]), [[60, 32, 122, 85]], refine=0, of_faces=True)
        np.testing.assert_allclose(found, points, atol=0.3)


def test_stretched_crops_are_kept(tmp_path):
    info = LandmarkInfo(SCHEME, 64, stretch=10.0)
    again = LandmarkInfo.of_metadata(info.as_metadata(), "x.onnx")
    assert again == info
    np.testing.assert_allclose(again.to_crop([10, 20, 54, 42])[:, :2], [[1, 0], [0, 64 / 42]])
