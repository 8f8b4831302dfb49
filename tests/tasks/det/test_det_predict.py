"""Boxes in images and videos, by detectors that find coloured rectangles, and through the command line."""

import json
import runpy
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from conftest import ROOT
from faster_coco_eval import COCO
from PIL import Image
from small_detectors import META, scenery, write_network

from common.errors import ConfigError, DataError
from common.report import write_png
from common.video import VideoReader
from tasks.det import predict as module
from tasks.det.boxes import Detections
from tasks.det.detector import load_checkpoint
from tasks.det.export import export
from tasks.det.predict import predict
from tasks.det.result_files import coco_ids

main = runpy.run_path(str(ROOT / "tools" / "predict.py"))["main"]
RED, BLUE = (220, 20, 20), (20, 20, 220)


class FindsColours:
    """Finds what is red (a cell, score 0.9) and what is blue (dust, 0.25)."""

    def __init__(self, name="colours.onnx", classes=("cell", "dust")):
        self.name, self.classes, self.palette = name, classes, [[0, 255, 0], [255, 0, 255]]

    def detect(self, image):
        found = []
        for label, (channel, score) in enumerate(((0, 0.9), (2, 0.25))):
            ys, xs = np.nonzero(image[..., channel].astype(int) - image[..., 1] > 100)
            if len(xs):
                found.append(([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], score, label))
        boxes, scores, labels = ([each[part] for each in found] for part in range(3))
        return Detections(np.array(boxes), np.array(scores), np.array(labels, np.int64))


def paint(*boxes, size=(60, 80)):
    """A grey RGB picture with rectangles: (x1 y1 x2 y2), colour."""
    picture = np.full((*size, 3), 128, np.uint8)
    for (x1, y1, x2, y2), colour in boxes:
        picture[y1:y2, x1:x2] = colour
    return picture


CELL, DUST = (10, 20, 30, 36), (50, 5, 62, 15)


@pytest.fixture
def networks(monkeypatch):
    """What `load_detectors` gives; to be filled."""
    found = {"network": FindsColours()}
    monkeypatch.setattr(module, "load_detectors", lambda *_: found)
    return found


@pytest.fixture
def folder(tmp_path):
    """Two images in a folder: a cell and dust, and dust alone."""
    write_png(tmp_path / "in" / "a.png", paint((CELL, RED), (DUST, BLUE)))
    write_png(tmp_path / "in" / "deep" / "b.png", paint((DUST, BLUE)))
    return tmp_path / "in"


def read(path):
    return json.loads(path.read_text())


def predicted(tmp_path, *inputs, **options):
    done, skipped = predict({}, [str(each) for each in inputs], tmp_path / "out", **options)
    return done, skipped, tmp_path / "out"


def test_images_become_pictures_a_list_and_cocos_results(networks, folder, tmp_path):
    done, skipped, out = predicted(tmp_path, folder)
    assert skipped == []
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) == [
        "coco_results.json", "detections.json", "overlay/a.png", "overlay/deep/b.png",
    ]  # fmt: skip
    found = read(out / "detections.json")
    assert (found["network"], found["classes"], found["threshold"]) == ("colours.onnx", ["cell", "dust"], 0.3)
    first, second = found["images"]
    assert first == {
        "file": str(folder / "a.png"), "image_id": 1, "width": 80, "height": 60,
        "boxes": [{"class": "cell", "score": 0.9, "box": [10, 20, 30, 36]}],
    }  # fmt: skip
    assert second["boxes"] == []
    assert done.startswith("2 images, 1 objects (1 cell), at ")
    assert done.endswith(f"results in {out}")


def test_cocos_results_hold_boxes_of_low_scores_too_with_corner_and_size(networks, folder, tmp_path):
    *_, out = predicted(tmp_path, folder)
    rows = read(out / "coco_results.json")
    assert rows == [
        {"image_id": 1, "category_id": 1, "bbox": [10, 20, 20, 16], "score": 0.9},
        {"image_id": 1, "category_id": 2, "bbox": [50, 5, 12, 10], "score": 0.25},
        {"image_id": 2, "category_id": 2, "bbox": [50, 5, 12, 10], "score": 0.25},
    ]


def test_a_lower_threshold_lists_and_draws_more(networks, folder, tmp_path):
    _, _, out = predicted(tmp_path, folder, threshold=0.2)
    assert [len(image["boxes"]) for image in read(out / "detections.json")["images"]] == [2, 1]
    picture = np.asarray(Image.open(out / "overlay" / "deep" / "b.png"))
    np.testing.assert_array_equal(picture[6 * 10, 6 * 50], [255, 0, 255])


def test_the_overlay_shows_boxes_in_the_colours_of_their_classes(networks, folder, tmp_path):
    *_, out = predicted(tmp_path, folder)
    picture = np.asarray(Image.open(out / "overlay" / "a.png")).astype(int)
    assert picture.shape == (360, 480, 3)  # enlarged six times
    for x, y in ((10, 28), (20, 36)):
        assert (np.abs(picture[6 * y - 2 : 6 * y + 2, 6 * x - 2 : 6 * x + 2] - [0, 255, 0]).max(2) < 9).any()
    np.testing.assert_allclose(picture[6 * 10, 6 * 56], BLUE, atol=3)  # not drawn


def test_networks_stand_side_by_side_and_the_last_ones_boxes_are_listed(networks, folder, tmp_path):
    networks |= {"student": FindsColours("student.pth", classes=("red", "blue"))}
    *_, out = predicted(tmp_path, folder)
    assert np.asarray(Image.open(out / "overlay" / "a.png")).shape[1] >= 3 * 480
    found = read(out / "detections.json")
    assert (found["network"], found["images"][0]["boxes"][0]["class"]) == ("student.pth", "red")


def annotations(folder, *names, categories=("dust", "cell")):
    content = {
        "images": [{"id": 70 + place, "file_name": name} for place, name in enumerate(names)],
        "categories": [{"id": 5 + place, "name": name} for place, name in enumerate(categories)],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(content))
    return path


def test_cocos_results_take_the_ids_of_an_annotation_file(networks, folder, tmp_path):
    labels = annotations(tmp_path, "b.png", "a.png", "other/b.png", "deep/b.png")
    *_, out = predicted(tmp_path, folder, coco=labels)
    found = [(row["image_id"], row["category_id"]) for row in read(out / "coco_results.json")]
    assert found == [(71, 6), (71, 5), (73, 5)]
    assert [image["image_id"] for image in read(out / "detections.json")["images"]] == [71, 73]
    whole = {"info": {}, "annotations": [], **read(labels)}
    labels.write_text(json.dumps(whole))
    assert len(COCO(str(labels)).loadRes(str(out / "coco_results.json")).anns) == 3


@pytest.mark.parametrize(
    ("names", "categories", "error", "message"),
    [
        (["a.png"], ("dust", "cell"), DataError, r"labels\.json but found no entry for .*b\.png; leave them out"),
        ([], ("dust", "cell"), DataError, r"no entry for .*a\.png and 1 more"),
        (["a.png", "b.png"], ("dust", "cells"), ConfigError, "found no 'cell'.*cells"),
    ],
)
def test_an_annotation_file_that_does_not_fit_is_refused_first(
    networks, folder, tmp_path, names, categories, error, message
):
    with pytest.raises(error, match=message):
        predicted(tmp_path, folder, coco=annotations(tmp_path, *names, categories=categories))
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_annotation_file_is_named(tmp_path):
    (tmp_path / "labels.json").write_text('{"images": [{"id": 1}]}')
    with pytest.raises(DataError, match=r"images with file_name and id, .*labels\.json but found"):
        coco_ids([], ["cell"], tmp_path / "labels.json")


def test_unreadable_files_are_listed_and_the_others_looked_at(networks, folder, tmp_path):
    (folder / "bad.png").write_bytes(b"no image")
    (folder / "bad.mp4").write_bytes(b"no video")
    done, skipped, out = predicted(tmp_path, folder)
    assert [name in why for name, why in zip(("bad.png", "bad.mp4"), skipped, strict=True)] == [True, True]
    assert done.startswith("2 images")
    assert not list(out.rglob("bad*"))
    assert [image["image_id"] for image in read(out / "detections.json")["images"]] == [1, 3]


def write_clip(path, frames=10):
    """A video, 20 frames a second, of a cell that moves to the right by 2 pixels each."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20, (160, 120))
    for number in range(frames):
        left = 16 + 2 * number
        writer.write(paint(((left, 32, left + 48, 80), RED), size=(120, 160))[..., ::-1].copy())
    writer.release()
    return path


def test_a_video_becomes_a_video_and_a_list_of_frames(networks, tmp_path):
    done, skipped, out = predicted(tmp_path, write_clip(tmp_path / "clip.avi"))
    assert skipped == []
    found = read(out / "detections" / "clip.json")
    assert (found["width"], found["height"], found["frames_per_second"]) == (160, 120, 20)
    assert found["summary"] == {"frames": 10, "boxes": {"cell": 10}}
    for number, frame in enumerate(found["frames"]):
        assert (frame["frame"], frame["seconds"]) == (number, pytest.approx(number / 20))
        (box,) = frame["boxes"]
        np.testing.assert_allclose(box["box"], [16 + 2 * number, 32, 64 + 2 * number, 80], atol=2)
    with VideoReader(out / "overlay" / "clip.mp4") as reader:
        assert (len(list(reader)), reader.rate) == (10, 20)
    assert done.startswith(f"{tmp_path / 'clip.avi'}: 10 frames, 10 objects (10 cell), at ")
    assert not (out / "coco_results.json").exists()


def test_only_so_many_frames_are_looked_at(networks, tmp_path):
    *_, out = predicted(tmp_path, write_clip(tmp_path / "clip.avi"), frames=3)
    assert len(read(out / "detections" / "clip.json")["frames"]) == 3


def test_an_interrupted_video_leaves_nothing(networks, tmp_path, monkeypatch):
    def stop(image):
        raise KeyboardInterrupt

    networks["network"] = SimpleNamespace(detect=stop, **vars(FindsColours()))
    with pytest.raises(KeyboardInterrupt):
        predicted(tmp_path, write_clip(tmp_path / "clip.avi"))
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "--threshold from 0 to 1 but found 1.5"),
        ({"frames": 0}, "--frames of at least 1 but found 0"),
    ],
)
def test_options_that_do_not_fit_are_one_message(networks, folder, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        predicted(tmp_path, folder, **options)
    assert not (tmp_path / "out").exists()


def test_command_line_takes_onnx_files_and_configs_with_a_teacher(tmp_path, capsys):
    config, checkpoint = write_network(tmp_path)
    export(config, checkpoint, tmp_path / "out.pth", tmp_path / "out.onnx")
    write_png(tmp_path / "photo.png", scenery())
    arguments = [str(tmp_path / "photo.png"), "--device", "cpu", "--threshold", "0.4", "--out"]
    assert main([str(tmp_path / "out.onnx"), *arguments, str(tmp_path / "a"), "--threads", "1"]) == 0
    assert main([config, checkpoint, *arguments, str(tmp_path / "b"), "--teacher", config, checkpoint]) == 0
    found = [read(tmp_path / name / "detections.json")["images"][0]["boxes"] for name in "ab"]
    expected = load_checkpoint(config, checkpoint).detect(scenery())
    expected = expected[expected.scores >= 0.4]
    for boxes in found:
        assert [box["class"] for box in boxes] == [META["classes"][label] for label in expected.labels]
        np.testing.assert_allclose([box["box"] for box in boxes], expected.boxes, atol=0.01)
    assert "1 images, " in capsys.readouterr().out
    assert main([config, checkpoint, *arguments, str(tmp_path / "c"), "--hop", "5"]) == 2
    assert "--hop does not belong to" in capsys.readouterr().err
