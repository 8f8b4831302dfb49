"""Segmentation of videos and clips, by networks that know classes by the brightness of a pixel."""

import csv
import json
import re
import runpy
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from conftest import ROOT
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from common.errors import ConfigError, DataError
from common.report import write_png
from common.video import Frame, VideoReader
from tasks.seg import entry
from tasks.seg.flow import OpticalFlow
from tasks.seg.video import Clip, Consistency, Settings, find_clips, predict_video

PALETTE = [[200, 0, 0], [0, 0, 200]]
META = {"classes": ("dark", "bright"), "palette": PALETTE}
SIZE = (24, 32)


class Still(OpticalFlow):
    """Nothing moves."""

    def __call__(self, first, second):
        return np.zeros((2, *first.shape[:2]), np.float32)

    def of_files(self, first, second, step=1):
        raise NotImplementedError


class Threshold:
    """Class 1 where a pixel is brighter than 128; every second frame upside down if it flickers."""

    def __init__(self, flickers=False):
        self.flickers, self.frames, self.dataset_meta = flickers, 0, META

    def test_step(self, batch):
        labels = (batch["inputs"][0][:1] > 128).long()
        if self.flickers and self.frames % 2:
            labels = 1 - labels
        self.frames += 1
        return [SegDataSample(pred_sem_seg=PixelData(data=labels))]


def pack(sample):
    return {"inputs": torch.from_numpy(sample["img"].transpose(2, 0, 1).copy())}


@pytest.fixture
def networks():
    return {"plain": (Threshold(flickers=True), pack), "distilled": (Threshold(), pack)}


def pictures(count=4):
    """The right half is bright."""
    picture = np.zeros((*SIZE, 3), np.uint8)
    picture[:, SIZE[1] // 2 :] = 255
    return [picture] * count


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "drive.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20, SIZE[::-1])
    for picture in pictures():
        writer.write(picture)
    writer.release()
    return path


def write_frames(folder, names, size=SIZE):
    for name in names:
        write_png(folder / f"{name}.png", np.full((*size, 3), 200, np.uint8))
    return folder


def files(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def test_a_steady_network_is_fully_consistent_and_a_flickering_one_not_at_all(networks, video, tmp_path):
    out = tmp_path / "out"
    told = predict_video(networks, video, out, "drive")
    found = json.loads((out / "consistency" / "drive.json").read_text())
    assert (found["frames"], found["pairs"], found["rate"], found["width"], found["height"]) == (4, 3, 20, 32, 24)
    assert found["flow"]["type"] == "DISFlow"
    scores = {name: [found["networks"][name][s] for s in ("TC", "flicker", "changed")] for name in networks}
    assert scores == {"plain": [0, 100, 100], "distilled": [100, 0, 0]}
    assert found["networks"]["plain"]["flicker_per_class"] == {"dark": 100, "bright": 100}
    assert all(each["frames_per_second"] > 0 for each in found["networks"].values())
    assert told.startswith(f"{video}: 4 frames at ")
    assert re.search(r"distilled: [\d.]+ frames/s in the network; TC 100.00, flicker 0.00, changed 0.00 percent", told)


def test_consistency_over_time_is_a_table_and_a_curve(networks, video, tmp_path):
    out = tmp_path / "out"
    predict_video(networks, video, out, "drive")
    rows = list(csv.DictReader((out / "consistency" / "drive.csv").open()))
    assert [int(row["frame"]) for row in rows] == [1, 2, 3]
    assert [float(row["seconds"]) for row in rows] == pytest.approx([0.05, 0.1, 0.15])
    assert [float(row["distilled TC"]) for row in rows] == [100] * 3
    assert [float(row["plain changed"]) for row in rows] == [100] * 3
    assert cv2.imread(str(out / "consistency" / "drive.png")) is not None


def test_scores_over_all_frames_are_of_summed_areas():
    consistency = Consistency(["net"], 2, Still())
    image = np.zeros((1, 4, 3), np.uint8)
    for number, labels in enumerate(([0, 0, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1])):
        consistency.add(Frame(number, number / 2, image), {"net": np.array([labels])})
    # 0: 1 of 2, then 1 of 1; 1: 2 of 3, then 3 of 3
    first, second = (row[2] for row in consistency.rows)
    assert (first, second) == (pytest.approx(100 * (1 / 2 + 2 / 3) / 2), 100)
    total = 100 * (2 / 3 + 5 / 6) / 2
    assert consistency.told("net") == f"TC {total:.2f}, flicker {100 * (1 / 3 + 0) / 2:.2f}, changed {100 / 8:.2f}"


def test_a_label_of_255_is_a_class_like_others():
    consistency = Consistency(["net"], 300, Still())
    for number in range(2):
        consistency.add(Frame(number, number, np.zeros((2, 2, 3), np.uint8)), {"net": np.full((2, 2), 255)})
    assert consistency.rows[0][2] == 100


def test_networks_stand_beside_the_frame_in_a_video_of_the_same_rate(networks, video, tmp_path):
    predict_video(networks, video, tmp_path, "drive", Settings(opacity=1.0))
    with VideoReader(tmp_path / "overlay" / "drive.mp4") as reader:
        frames = [frame.image for frame in reader]
        assert (len(frames), reader.rate) == (4, 20)
    row = frames[0][frames[0].shape[0] * 2 // 3].astype(int)
    places = [row[len(row) * place // 12] for place in (1, 3, 5, 7, 9, 11)]  # left and right half of each
    wanted = [[0, 0, 0], [255, 255, 255], *PALETTE, *PALETTE]
    np.testing.assert_allclose(places, wanted, atol=40)


def test_one_network_gives_a_video_of_the_frames_own_size(networks, video, tmp_path):
    del networks["plain"]
    predict_video(networks, video, tmp_path, "drive")
    with VideoReader(tmp_path / "overlay" / "drive.mp4") as reader:
        assert next(iter(reader)).image.shape == (*SIZE, 3)


def test_labels_are_the_last_networks_and_replace_those_of_an_earlier_run(networks, video, tmp_path):
    for name in ("000009.png", "mine.png"):
        write_png(tmp_path / "labels" / "drive" / name, np.zeros((2, 2), np.uint8))
    predict_video(networks, video, tmp_path, "drive", Settings(labels=True))
    names = sorted(path.name for path in (tmp_path / "labels" / "drive").iterdir())
    assert names == ["000000.png", "000001.png", "000002.png", "000003.png", "mine.png"]
    labels = cv2.imread(str(tmp_path / "labels" / "drive" / "000001.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(labels, pictures()[0][..., 0] > 128)


def test_so_many_frames_are_looked_at_and_consistency_is_left_out_if_asked(networks, video, tmp_path):
    told = predict_video(networks, video, tmp_path, "drive", Settings(frames=2, consistency=False))
    assert "2 frames" in told
    assert "TC" not in told
    assert files(tmp_path) == ["drive.avi", "overlay/drive.mp4"]


def test_one_frame_has_no_consistency(networks, video, tmp_path):
    assert "one frame" in predict_video(networks, video, tmp_path, "drive", Settings(frames=1))
    assert not (tmp_path / "consistency").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, DataError])
def test_an_interrupted_video_leaves_nothing(networks, video, tmp_path, error):
    steps = iter([None, error("stop")])

    def stop(batch):
        if (wrong := next(steps)) is not None:
            raise wrong
        return Threshold().test_step(batch)

    networks["distilled"] = (SimpleNamespace(test_step=stop, dataset_meta=META), pack)
    with pytest.raises(error):
        predict_video(networks, video, tmp_path / "out", "drive", Settings(labels=True))
    assert files(tmp_path / "out") == []


def test_a_file_that_is_no_video_is_named(networks, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match=r"expected a video that OpenCV can read but found none at .*bad\.mp4"):
        predict_video(networks, tmp_path / "bad.mp4", tmp_path / "out", "bad")
    assert files(tmp_path) == ["bad.mp4"]


def test_clips_are_told_apart_by_name_and_go_by_number(tmp_path):
    folder = write_frames(tmp_path / "val", ["0016E5_9", "0016E5_10", "0001TP_3"])
    write_frames(folder / "deeper", ["2", "1"])
    found = {str(name): [path.stem for path in clip.paths] for clip, name in find_clips([folder], 15)}
    assert found == {"val/0001TP": ["0001TP_3"], "val/0016E5": ["0016E5_9", "0016E5_10"], "val/deeper": ["1", "2"]}


def test_clips_of_one_name_have_different_results(tmp_path):
    for parent in ("a", "b"):
        write_frames(tmp_path / parent / "clip", ["1", "2"])
    assert [str(name) for _, name in find_clips([tmp_path / "a/clip", tmp_path / "b/clip"], 15)] == ["clip", "clip_2"]


def test_a_clip_plays_at_its_rate_and_its_labels_have_the_frames_names(networks, tmp_path):
    folder = write_frames(tmp_path / "clip", ["f_07", "f_09"])
    ((clip, name),) = find_clips([folder], 4)
    predict_video(networks, clip, tmp_path / "out", name, Settings(labels=True))
    wanted = [f"consistency/clip/f.{suffix}" for suffix in ("csv", "json", "png")]
    assert files(tmp_path / "out") == [
        *wanted,
        "labels/clip/f/f_07.png",
        "labels/clip/f/f_09.png",
        "overlay/clip/f.mp4",
    ]
    with VideoReader(tmp_path / "out" / "overlay" / "clip" / "f.mp4") as reader:
        assert reader.rate == 4
    assert json.loads((tmp_path / "out" / "consistency" / "clip" / "f.json").read_text())["rate"] == 4


def test_frames_of_another_size_are_named(networks, tmp_path):
    write_frames(tmp_path / "clip", ["f1"])
    write_frames(tmp_path / "clip", ["f2"], size=(20, 20))
    ((clip, name),) = find_clips([tmp_path / "clip"], 4)
    with pytest.raises(DataError, match=r"expected frames of 32x24, as .*f1\.png, but found 20x20 in .*f2\.png"):
        predict_video(networks, clip, tmp_path / "out", name)
    assert files(tmp_path / "out") == []


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_clip_has_a_rate_above_zero(rate, tmp_path):
    with pytest.raises(ConfigError, match="--clip of more than 0 frames per second but found"):
        find_clips([write_frames(tmp_path, ["1"])], rate)


def test_a_single_picture_is_no_clip(tmp_path):
    with pytest.raises(ConfigError, match=r"expected folders of frames for --clip but found the file .*1\.png"):
        find_clips([write_frames(tmp_path, ["1"]) / "1.png"], 15)


@pytest.fixture
def asked(monkeypatch, networks):
    """Names and files of the networks that the command asks for; others are there in their place."""
    named = {}

    def load(wanted, device, trust):
        named.update(wanted)
        return dict(zip(wanted, reversed(networks.values()), strict=False))

    monkeypatch.setattr(entry, "load_networks", load)
    return named


def test_command_shows_several_named_networks_and_goes_on_after_a_bad_video(asked, video, tmp_path, capsys):
    config = tmp_path / "net.py"
    config.write_text("default_scope = 'mmseg'\n")
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    main = runpy.run_path(str(ROOT / "tools" / "predict.py"))["main"]
    arguments = [str(config), "a.pth", str(video), str(tmp_path / "bad.mp4"), "--out", str(tmp_path / "out")]
    beside = ["--name", "distilled", "--beside", "plain", "p.py", "p.pth", "--device", "cpu", "--frames", "3"]
    assert main([*arguments, *beside]) == 1
    assert asked == {"plain": ("p.py", "p.pth"), "distilled": (str(config), "a.pth")}
    assert list(asked) == ["plain", "distilled"]
    shown = capsys.readouterr()
    assert "3 frames at" in shown.out
    assert "bad.mp4" in shown.err


def test_folders_are_images_or_with_a_rate_clips(asked, tmp_path):
    folder = write_frames(tmp_path / "clip", ["1", "2"])
    networks = {"network": ("c.py", "c.pth")}
    entry.predict(networks, [str(folder)], tmp_path / "images", "cpu")
    entry.predict(networks, [str(folder)], tmp_path / "clips", "cpu", clip=10, no_consistency=True)
    assert files(tmp_path / "images") == ["overlay/1.png", "overlay/2.png"]
    assert files(tmp_path / "clips") == ["overlay/clip.mp4"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 0}, "--frames of at least 1 but found 0"),
        ({"beside": [["network", "a.py", "a.pth"]]}, "networks of different names .* but found network, network"),
    ],
)
def test_options_that_do_not_fit_are_one_message(asked, video, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        entry.predict({"network": ("c.py", "c.pth")}, [str(video)], tmp_path / "out", "cpu", **options)
    assert not (tmp_path / "out").exists()


def test_frames_of_a_clip_can_be_counted(tmp_path):
    clip = Clip("x", (tmp_path / "1.png",), 5.0)
    assert (len(clip), clip.missing(0)) == (1, None)
