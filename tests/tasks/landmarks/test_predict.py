"""Points in images and videos, by a network that finds coloured discs, through the command line."""

import json
import os
import runpy
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from conftest import ROOT
from painted_faces import (
    CONFIG,
    FACE,
    PLAIN,
    SIZE,
    ColourCentroids,
    ColourDetector,
    FaceColourDetector,
    face_points,
    landmarker,
    paint,
)
from PIL import Image
from square_faces import SCHEME

from common.errors import CheckpointError, ConfigError
from common.landmark_files import read_pts
from common.report import write_png
from common.video import VideoReader, VideoWriter
from tasks.landmarks import predict as module
from tasks.landmarks.export import export
from tasks.landmarks.model import LandmarkModel
from tasks.landmarks.predict import predict, predict_images, predict_video

main = runpy.run_path(str(ROOT / "tools" / "predict.py"))["main"]
POINTS = face_points((90, 60), 40)
BOX = ["--box", "65", "35", "115", "85"]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Config, checkpoint and ONNX file of the network."""
    folder = tmp_path_factory.mktemp("network")
    scheme = folder / "five.json"
    scheme.write_text(json.dumps(SCHEME.as_dict()))
    config = folder / "net.py"
    config.write_text(CONFIG.format(root="no/data", scheme=str(scheme), model=PLAIN))
    torch.save({"state_dict": LandmarkModel(ColourCentroids()).state_dict(), "meta": {}}, folder / "trained.pth")
    export(config, folder / "trained.pth", folder / "net.pth", folder / "net.onnx")
    return SimpleNamespace(config=str(config), checkpoint=str(folder / "net.pth"), onnx=str(folder / "net.onnx"))


@pytest.fixture
def photo(tmp_path):
    write_png(tmp_path / "photo.png", paint([POINTS]))
    return tmp_path / "photo.png"


def write_clip(path, frames):
    """A video of 20 frames a second from lists of faces; MJPEG, which keeps colours."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20, (160, 120))
    for faces in frames:
        writer.write(paint(faces)[..., ::-1].copy())
    writer.release()
    return path


def found_in(path):
    return json.loads(path.read_text())


def test_onnx_file_finds_points_in_a_photograph_without_a_config(network, photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([network.onnx, str(photo), "--out", str(out), "--pts", *BOX]) == 0
    found = found_in(out / "landmarks" / "photo.json")
    assert {key: found[key] for key in ("input", "width", "height", "scheme", "network")} == {
        "input": str(photo), "width": 160, "height": 120, "scheme": "five", "network": "net.onnx",
    }  # fmt: skip
    (face,) = found["faces"]
    np.testing.assert_allclose(face["points"], POINTS, atol=0.3)
    np.testing.assert_allclose(face["box"], [70, 40, 110, 80], atol=0.3)
    assert face["score"] is None
    np.testing.assert_allclose(read_pts(out / "landmarks" / "photo.pts"), face["points"], atol=1e-3)
    assert "1 images, 1 faces, at " in capsys.readouterr().out
    assert sorted(path.name for path in out.rglob("*.*")) == ["photo.json", "photo.png", "photo.pts"]


def test_pts_file_counts_pixels_from_one(network, photo, tmp_path):
    out = tmp_path / "out"
    assert main([network.onnx, str(photo), "--out", str(out), "--pts", *BOX]) == 0
    x, y = map(float, (out / "landmarks" / "photo.pts").read_text().splitlines()[3].split())
    np.testing.assert_allclose([x, y], POINTS[0] + 1, atol=0.3)


def test_overlay_is_the_image_twice_as_wide_with_marks_at_the_points(network, photo, tmp_path):
    out = tmp_path / "out"
    assert main([network.onnx, str(photo), "--out", str(out), *BOX]) == 0
    picture = np.asarray(Image.open(out / "overlay" / "photo.png")).astype(int)
    image = np.asarray(Image.open(photo)).repeat(2, axis=0).repeat(2, axis=1)
    changed = np.abs(picture - image).max(axis=2) > 30
    assert all(changed[round(2 * y + 0.5), round(2 * x + 0.5)] for x, y in POINTS)
    assert not changed[:60].any()
    assert not changed[:, :120].any()


def test_config_and_checkpoint_find_the_same_as_the_onnx_file(network, photo, tmp_path):
    arguments = [str(photo), "--device", "cpu", *BOX, "--out"]
    assert main([network.onnx, *arguments, str(tmp_path / "a")]) == 0
    assert main([network.config, network.checkpoint, *arguments, str(tmp_path / "b")]) == 0
    faces = [found_in(tmp_path / name / "landmarks" / "photo.json")["faces"][0]["points"] for name in "ab"]
    np.testing.assert_allclose(*faces, atol=0.01)


def test_teacher_stands_left_of_the_student(network, photo, tmp_path):
    arguments = [network.config, network.checkpoint, str(photo), "--teacher", network.config, network.checkpoint]
    assert main([*arguments, "--device", "cpu", "--out", str(tmp_path / "out"), *BOX]) == 0
    picture = np.asarray(Image.open(tmp_path / "out" / "overlay" / "photo.png"))
    assert picture.shape[1] >= 3 * 320  # image, teacher, student


def test_a_whole_image_is_the_crop_and_the_second_prediction_mends_it(network, tmp_path):
    write_png(tmp_path / "crop.png", paint([face_points((30, 40), 20)], 80, 64))
    assert main([network.onnx, str(tmp_path / "crop.png"), "--whole", "--out", str(tmp_path / "out")]) == 0
    (face,) = found_in(tmp_path / "out" / "landmarks" / "crop.json")["faces"]
    np.testing.assert_allclose(face["points"], face_points((30, 40), 20), atol=0.3)


def test_boxes_of_a_file_go_to_their_images(network, photo, tmp_path, capsys):
    write_png(photo.with_name("other.png"), paint([POINTS]))
    write_png(photo.with_name("two.png"), paint([POINTS, face_points((35, 60), 30)]))
    boxes = {"photo.png": [[65, 35, 115, 85]], "two.png": [[65, 35, 115, 85], [20, 45, 50, 75]]}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    images = [str(photo.with_name(f"{name}.png")) for name in ("photo", "other", "two")]
    out = tmp_path / "out"
    assert main([network.onnx, *images, "--boxes", str(tmp_path / "boxes.json"), "--pts", "--out", str(out)]) == 0
    counts = [len(found_in(out / "landmarks" / f"{name}.json")["faces"]) for name in ("photo", "other", "two")]
    assert counts == [1, 0, 2]
    assert sorted(path.name for path in out.rglob("*.pts")) == ["photo.pts", "two.pts", "two_2.pts"]
    assert f"no face was found in {images[1]}" in capsys.readouterr().out
    overlay, image = (np.asarray(Image.open(path)) for path in (out / "overlay" / "other.png", images[1]))
    np.testing.assert_array_equal(overlay[::2, 1::2], image)


def test_only_so_many_faces_of_a_photograph_are_told_the_surest_first(network, photo, tmp_path):
    write_png(photo, paint([POINTS, face_points((35, 60), 30)]))
    rows = [
        {"image": "photo.png", "box": [65, 35, 115, 85], "score": 0.1},
        {"image": "photo.png", "box": [20, 45, 50, 75], "score": 0.9},
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(rows))
    options = ["--boxes", str(tmp_path / "boxes.json"), "--faces", "1", "--out", str(tmp_path / "out")]
    assert main([network.onnx, str(photo), *options]) == 0
    assert [face["score"] for face in found_in(tmp_path / "out" / "landmarks" / "photo.json")["faces"]] == [0.9]


def test_unreadable_files_are_listed_at_the_end_and_the_others_looked_at(network, photo, tmp_path, capsys):
    folder = tmp_path / "folder"
    folder.mkdir()
    photo.rename(folder / "b.png")
    (folder / "a.png").write_bytes(b"no image")
    (folder / "c.mp4").write_bytes(b"no video")
    out = folder / "out"
    assert main([network.onnx, str(folder), "--out", str(out), *BOX]) == 1
    message = capsys.readouterr().err
    assert "2 files were skipped" in message
    assert "a.png" in message
    assert "c.mp4" in message
    assert sorted(path.name for path in out.rglob("*.*")) == ["b.json", "b.png"]
    assert main([network.onnx, str(folder), "--out", str(out), *BOX]) == 1  # the overlay is not taken for an image
    assert sorted(path.name for path in out.rglob("*.*")) == ["b.json", "b.png"]


def test_a_photograph_is_turned_upright_as_its_exif_says(network, photo, tmp_path):
    sideways = Image.open(photo).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[274] = 6  # to be turned by 90 degrees clockwise
    sideways.save(tmp_path / "phone.png", exif=exif)
    assert main([network.onnx, str(tmp_path / "phone.png"), "--out", str(tmp_path / "out"), *BOX]) == 0
    found = found_in(tmp_path / "out" / "landmarks" / "phone.json")
    assert (found["width"], found["height"]) == (160, 120)
    np.testing.assert_allclose(found["faces"][0]["points"], POINTS, atol=0.3)


def test_a_video_becomes_a_video_and_a_list_of_frames(network, tmp_path, capsys):
    truth = [face_points((60 + 2 * frame, 60), 40) for frame in range(12)]
    clip = write_clip(tmp_path / "clip.avi", [[points] for points in truth])
    out = tmp_path / "out"
    options = ["--box", "35", "35", "85", "85", "--no-smoothing", "--pts"]
    assert main([network.onnx, str(clip), "--out", str(out), *options]) == 0
    found = found_in(out / "landmarks" / "clip.json")
    assert (found["frames_per_second"], found["summary"]) == (
        20, {"frames": 12, "frames_with_faces": 12, "tracks": 1},
    )  # fmt: skip
    assert [frame["frame"] for frame in found["frames"]] == list(range(12))
    np.testing.assert_allclose([frame["seconds"] for frame in found["frames"]], np.arange(12) / 20, atol=1e-5)
    for frame, points in zip(found["frames"], truth, strict=True):
        np.testing.assert_allclose(frame["faces"][0]["points"], points, atol=1)
    assert [frame["faces"][0]["detected"] for frame in found["frames"]] == [True] + [False] * 11
    with VideoReader(out / "overlay" / "clip.mp4") as reader:
        assert (len(list(reader)), reader.rate) == (12, 20)
    assert len(list((out / "landmarks" / "clip").glob("*.pts"))) == 12
    told = capsys.readouterr().out
    assert "clip.avi: 12 frames, 12 with faces (1 followed)" in told
    assert "frames/s" in told


def test_points_of_a_video_are_smoothed_unless_told_otherwise(network, tmp_path):
    rng = np.random.default_rng(0)
    clip = write_clip(tmp_path / "clip.avi", [[POINTS + rng.normal(0, 1, (5, 2))] for _ in range(30)])

    def spread(*options):
        assert main([network.onnx, str(clip), "--out", str(tmp_path / "out"), *BOX, *options]) == 0
        frames = found_in(tmp_path / "out" / "landmarks" / "clip.json")["frames"]
        return np.std([frame["faces"][0]["points"] for frame in frames[10:]], axis=0).mean()

    assert spread("--min-cutoff", "0.5", "--beta", "0") < 0.4 * spread("--no-smoothing")


def test_a_video_without_faces_is_said_and_nothing_is_lost(network, tmp_path, capsys):
    """By the real detector, on grey."""
    clip = write_clip(tmp_path / "clip.avi", [[]] * 3)
    assert main([network.onnx, str(clip), "--out", str(tmp_path / "out")]) == 0
    assert "no face was found in any of its 3 frames" in capsys.readouterr().out
    found = found_in(tmp_path / "out" / "landmarks" / "clip.json")
    assert [frame["faces"] for frame in found["frames"]] == [[], [], []]
    assert "no face" in found["notes"][0]
    with VideoReader(tmp_path / "out" / "overlay" / "clip.mp4") as reader:
        assert len(list(reader)) == 3


def test_a_cut_video_is_said(network, tmp_path, capsys, monkeypatch):
    clip = write_clip(tmp_path / "clip.avi", [[POINTS]] * 6)
    monkeypatch.setattr(VideoReader, "__len__", lambda reader: 6)
    started = VideoReader.__init__

    def told_ten(reader, source):
        started(reader, source)
        reader.told = 10

    monkeypatch.setattr(VideoReader, "__init__", told_ten)
    assert main([network.onnx, str(clip), "--out", str(tmp_path / "out"), *BOX]) == 0
    assert "6 of 10 frames could be read" in capsys.readouterr().out


def test_only_so_many_frames_are_looked_at(network, tmp_path):
    clip = write_clip(tmp_path / "clip.avi", [[POINTS]] * 9)
    assert main([network.onnx, str(clip), "--out", str(tmp_path / "out"), "--frames", "4", *BOX]) == 0
    found = found_in(tmp_path / "out" / "landmarks" / "clip.json")
    assert (len(found["frames"]), found["notes"]) == (4, [])


class Camera:
    """A camera that gives three frames and is then interrupted."""

    live, rate, told = True, 10.0, 0

    def __init__(self, source):
        self.source = source

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __iter__(self):
        from common.video import Frame

        for number in range(3):
            yield Frame(number, number / 5, paint([POINTS]))  # half as fast as it says
        raise KeyboardInterrupt

    def missing(self, read):
        return None


def test_a_camera_is_listened_to_until_it_is_interrupted(network, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "VideoReader", Camera)
    assert main([network.onnx, "camera:0", "--out", str(tmp_path / "out"), *BOX]) == 0
    assert "camera:0: 3 frames, 3 with faces" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.*")) == ["camera0.json", "camera0.mp4"]
    with VideoReader(tmp_path / "out" / "overlay" / "camera0.mp4") as reader:
        assert len(list(reader)) == 5  # 0 to 0.4 seconds at 10 frames a second


def test_detected_faces_are_cut_around_the_networks_own_points(photo, tmp_path):
    """Once, without a second prediction that would mend it."""
    network, crops = landmarker(face=FACE), []
    network.in_crops, see = lambda each: crops.append(each) or see(each), network.in_crops
    settings = module.Settings(lambda source: FaceColourDetector(), refine=0)
    predict_images({"network": network}, [(photo, module.Path("photo"))], tmp_path, settings, module.Result())
    network.points(paint([POINTS]), [[70, 40, 110, 80]], 0)
    assert np.abs(crops[0].astype(int) - crops[1]).mean() < 5
    assert np.abs(crops[0].astype(int) - 128).mean() > 10  # of grey without a face


def test_an_interrupted_video_leaves_the_older_ones_points(tmp_path, monkeypatch):
    folder = tmp_path / "landmarks" / "clip"
    folder.mkdir(parents=True)
    (folder / "000001.pts").write_text("older")
    monkeypatch.setattr(module, "VideoReader", Camera)
    monkeypatch.setattr(Camera, "live", False)
    monkeypatch.setattr(Camera, "__len__", lambda camera: 3, raising=False)
    settings = module.Settings(lambda source: ColourDetector(), pts=True)
    with pytest.raises(KeyboardInterrupt):
        predict_video({"network": landmarker()}, "clip.mp4", tmp_path, module.Path("clip"), settings)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / "000001.pts"]
    assert (folder / "000001.pts").read_text() == "older"
    assert list(folder.parent.iterdir()) == [folder]


def test_an_interrupted_file_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "VideoReader", Camera)
    monkeypatch.setattr(Camera, "live", False)
    monkeypatch.setattr(Camera, "__len__", lambda camera: 3, raising=False)
    settings = module.Settings(lambda source: ColourDetector())
    with pytest.raises(KeyboardInterrupt):
        predict_video({"network": landmarker()}, "clip.mp4", tmp_path, tmp_path / "clip", settings)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_memory_does_not_grow_with_the_video(tmp_path, monkeypatch):
    """Lines of frames reach the file while it is written."""
    sizes = []
    write = VideoWriter.write

    def note(video, *arguments):
        write(video, *arguments)
        partial_files = list((tmp_path / "landmarks").glob(".clip.json.*"))
        sizes.append(sum(os.stat(path).st_size for path in partial_files))

    monkeypatch.setattr(VideoWriter, "write", note)
    clip = write_clip(tmp_path / "clip.avi", [[POINTS]] * 120)
    settings = module.Settings(lambda source: ColourDetector())
    predict_video({"network": landmarker()}, clip, tmp_path, module.Path("clip"), settings)
    assert sizes[-1] > 8192  # what Python holds back at most


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--box", "5", "0", "5", "9"], "x0 < x1"),
        (["--whole", *BOX], "one of --box, --boxes and --whole"),
        (["--refine", "-1"], "--refine of at least 0 but found -1"),
        (["--faces", "0"], "--faces of at least 1"),
        (["--beta", "-2"], "--beta of at least 0"),
        (["--hop", "5"], "--hop does not belong to"),
        (["--boxes", "none.csv"], "none.csv"),
    ],
)
def test_options_that_do_not_fit_are_one_message(network, photo, tmp_path, capsys, options, message):
    assert main([network.onnx, str(photo), "--out", str(tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_a_network_it_is_asked_for():
    with pytest.raises(ConfigError, match=r"expected a network before the images: NETWORK\.onnx"):
        predict({}, ["photo.jpg"], "out")


def test_an_input_that_is_not_there_is_named(network, tmp_path, capsys):
    assert main([network.onnx, "no/photo.jpg", "--out", str(tmp_path / "out")]) == 2
    assert "found nothing at no/photo.jpg" in capsys.readouterr().err


def test_a_second_prediction_mends_a_detectors_box():
    """From a box a third too far to the left, the first crop loses two points; the second has the right ones."""
    network = landmarker()
    image, box = paint([POINTS]), [[57, 40, 97, 80]]
    first, second = (np.abs(network.points(image, box, refine)[0] - POINTS).max() for refine in (0, 1))
    assert second < 0.5 < first
    assert network.points(image, box).tolist() == network.points(image, box, 1).tolist()


def test_points_that_are_not_finite_are_refused():
    network = landmarker()
    network.in_crops = lambda crops: np.full((len(crops), 5, 2), np.nan)
    with pytest.raises(CheckpointError, match="finite points but painted gives others"):
        network.points(paint([POINTS]), [[57, 40, 97, 80]])


def test_a_network_of_annotated_boxes_is_not_given_boxes_of_points():
    network = landmarker(box="annotated")
    network.points(paint([POINTS]), [[57, 40, 97, 80]])
    assert network.calls == [1]


def test_no_boxes_are_no_faces_and_many_go_through_in_parts():
    network = landmarker()
    assert network.points(paint(), []).shape == (0, 5, 2)
    assert network.points(paint([POINTS]), [[70, 40, 110, 80]] * 40).shape == (40, 5, 2)
    assert network.calls == [32, 8, 32, 8]
    assert network.info.size == SIZE
