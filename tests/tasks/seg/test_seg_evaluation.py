import json
import math

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from common.errors import ConfigError, DataError
from common.image_files import read_image
from common.report import write_png
from tasks.seg.evaluation import (
    Evaluation,
    FrameScore,
    boundary_table,
    choose_frames,
    evaluate,
    per_class_table,
    write_evaluation,
)
from tasks.seg.inference import enlarge, overlay
from tasks.seg.pictures import (
    IGNORED,
    MENDED,
    NEWLY_WRONG,
    WRONG,
    boundary_band,
    comparison_pictures,
    densest_window,
    error_map,
)

CLASSES = ["road", "sky", "car"]
PALETTE = [[128, 64, 128], [0, 0, 255], [200, 0, 0]]
SIZE = (40, 60)


def scene(shift: int) -> np.ndarray:
    """Sky over road with a car whose place depends on ``shift``, and a corner without labels."""
    labels = np.zeros(SIZE, np.int64)
    labels[:18] = 1
    labels[20:30, 10 + shift : 22 + shift] = 2
    labels[:4, :4] = 255
    return labels


class Scenes:
    """Four scenes in memory, as an mmseg dataset gives them."""

    metainfo = {"classes": CLASSES, "palette": PALETTE}  # noqa: RUF012
    data_root = "nowhere"
    ignore_index = 255

    def __init__(self, folder, label_size=SIZE, count=4, labelled=True):
        self.count, self.labelled, self.label_size = count, labelled, label_size
        self.asked = []
        self.paths = [folder / f"scène {index}.png" for index in range(count)]
        for index, path in enumerate(self.paths):
            write_png(path, overlay(np.full((*SIZE, 3), 90, np.uint8), scene(4 * index), PALETTE, 0.3))

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.asked.append(index)
        target = scene(4 * index)[: self.label_size[0], : self.label_size[1]]
        sample = SegDataSample(metainfo={"img_path": str(self.paths[index]), "ori_shape": SIZE, "shift": 4 * index})
        if self.labelled:
            sample.gt_sem_seg = PixelData(data=torch.from_numpy(target)[None])
        return {"inputs": torch.zeros(3, *SIZE), "data_samples": sample}


class Shifted(nn.Module):
    """Knows the scenes, but sees the car ``error`` pixels too far right."""

    def __init__(self, error, num_classes=3):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(7))
        self.num_classes = num_classes
        self.error = error

    def test_step(self, batch):
        for sample in batch["data_samples"]:
            labels = scene(sample.metainfo["shift"] + self.error)
            labels[labels == 255] = 0
            sample.pred_sem_seg = PixelData(data=torch.from_numpy(labels)[None])
        return batch["data_samples"]


def test_scores_are_those_of_the_areas_counted_by_hand(tmp_path):
    found = evaluate(Shifted(3), Scenes(tmp_path), "cpu")
    car = 100 * (9 * 10) / (15 * 10)
    labelled = 40 * 60 - 16
    road = 22 * 60 - 120
    assert found.scores["IoU_per_class"] == pytest.approx([100 * (road - 30) / (road + 30), 100.0, car])
    assert found.scores["aAcc"] == pytest.approx(100 * (labelled - 60) / labelled)
    assert (found.parameters, len(found.frames)) == (7, 4)
    assert found.images_per_second > 0


def test_frames_count_right_pixels_near_boundaries(tmp_path):
    perfect = evaluate(Shifted(0), Scenes(tmp_path), "cpu").frames
    shifted = evaluate(Shifted(3), Scenes(tmp_path), "cpu").frames
    assert [frame.name for frame in perfect] == [f"scène {index}.png" for index in range(4)]
    assert all(frame.boundary_right == frame.boundary_pixels for frame in perfect)
    # All of the 2 * 3 * 10 wrong pixels lie within 5 pixels of a boundary.
    assert [frame.boundary_pixels - frame.boundary_right for frame in shifted] == [60] * 4


@pytest.mark.parametrize(
    ("network", "scenes", "error", "message"),
    [
        ({"num_classes": 19}, {}, ConfigError, "3 classes but found one with 19"),
        ({}, {"count": 0}, DataError, "found none in nowhere"),
        ({}, {"labelled": False}, ConfigError, "found none for scène 0.png; add LoadAnnotations"),
        ({}, {"label_size": (20, 30)}, ConfigError, r"\(40, 60\) but found \(20, 30\) for scène 0.png"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, network, scenes, error, message):
    with pytest.raises(error, match=message):
        evaluate(Shifted(0, **network), Scenes(tmp_path, **scenes), "cpu")


def test_band_reaches_its_width_on_both_sides_and_leaves_ignored_pixels_out():
    target = np.zeros((6, 20), np.int64)
    target[:, 10:] = 1
    target[0] = 255
    band = boundary_band(target, width=3)
    assert np.flatnonzero(band[3]).tolist() == [7, 8, 9, 10, 11, 12]
    assert not band[0].any()


def test_error_map_tells_new_errors_from_mended_ones():
    image = np.full((1, 5, 3), 120, np.uint8)
    target = np.array([[0, 0, 0, 0, 255]])
    prediction, reference = np.array([[0, 1, 1, 0, 1]]), np.array([[0, 1, 0, 1, 0]])
    alone = error_map(image, prediction, target)[0].tolist()
    beside = error_map(image, prediction, target, reference)[0].tolist()
    assert alone[1:] == [list(WRONG), list(WRONG), alone[3], list(IGNORED)]
    assert beside[1:] == [list(WRONG), list(NEWLY_WRONG), list(MENDED), list(IGNORED)]
    assert alone[0] == alone[3] == beside[0]
    assert len(set(alone[0])) == 1


def test_densest_window_holds_the_densest_pixels():
    weight = np.zeros((200, 400))
    weight[10:20, 10:20] = 1
    weight[150:170, 300:330] = 1
    rows, columns = densest_window(weight, 0.25)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (50, 100)
    assert weight[rows, columns].sum() == 600


def test_densest_window_of_nothing_is_central():
    assert densest_window(np.zeros((100, 200)), 0.5) == (slice(25, 75), slice(50, 150))


def test_densest_window_of_a_tiny_picture_is_all_of_it():
    assert densest_window(np.ones((10, 12))) == (slice(0, 10), slice(0, 12))


def with_frames(rights):
    return Evaluation({}, CLASSES, PALETTE, [FrameScore(f"{index}", right, 100) for index, right in enumerate(rights)])


def test_frames_are_chosen_by_turns_for_and_against_the_last_network():
    first, last = with_frames([50, 50, 50, 50, 50]), with_frames([60, 90, 40, 20, 50])
    chosen = choose_frames([first, with_frames([0] * 5), last], 3)
    assert [index for index, _ in chosen] == [1, 3, 0]
    assert "best against the first (+40 of 100" in chosen[0][1]
    assert "worst against the first (-30 of 100" in chosen[1][1]


def test_more_frames_than_there_are_are_all_of_them_once():
    chosen = choose_frames([with_frames([1, 2, 3]), with_frames([3, 2, 1])], 9)
    assert sorted(index for index, _ in chosen) == [0, 1, 2]


def test_pictures_enlarge_small_frames_and_show_every_network():
    target = scene(0)
    image = np.full((*SIZE, 3), 90, np.uint8)
    one = comparison_pictures(image, target, {"a": scene(3)}, CLASSES, PALETTE)[0]
    two, zoom = comparison_pictures(image, target, {"a": scene(3), "b": scene(1)}, CLASSES, PALETTE)
    assert one.shape[1] // 3 == pytest.approx(480, abs=20)
    assert two.shape[1] // 4 == pytest.approx(480, abs=20)
    for colour, expected in ((WRONG, True), (MENDED, True), (IGNORED, False)):
        # The crop lies at the car, far from the corner without labels: only the legend shows black there.
        pixels = (zoom[zoom.shape[0] // 2 :, zoom.shape[1] // 2 :] == colour).all(axis=2).sum()
        assert (pixels > 1000) == expected


def test_many_networks_wrap_into_two_rows():
    image = np.full((*SIZE, 3), 90, np.uint8)
    predictions = {f"net {index}": scene(index) for index in range(5)}
    frame, _ = comparison_pictures(image, scene(0), predictions, CLASSES, PALETTE)
    assert frame.shape[1] == pytest.approx(4 * 480, abs=60)


def test_overlay_mixes_by_opacity_and_blackens_ignored_pixels():
    image = np.full((1, 2, 3), 100, np.uint8)
    mixed = overlay(image, np.array([[2, 255]]), PALETTE, 0.25)
    assert mixed[0].tolist() == [[125, 75, 75], [75, 75, 75]]


@pytest.mark.parametrize(("shape", "opacity", "message"), [((3, 2), 0.5, "size"), ((2, 2), 1.5, "found 1.5")])
def test_overlay_refuses_what_does_not_fit(shape, opacity, message):
    with pytest.raises(ValueError, match=message):
        overlay(np.zeros((2, 2, 3), np.uint8), np.zeros(shape, int), PALETTE, opacity)


def test_enlarge_agrees_with_nearest_neighbours_of_opencv():
    labels = np.random.default_rng(0).integers(0, 200, (5, 7), dtype=np.uint8)
    expected = cv2.resize(labels, (21, 15), interpolation=cv2.INTER_NEAREST_EXACT)
    np.testing.assert_array_equal(enlarge(labels, 3), expected)


def test_read_image_is_rgb_whatever_the_name(tmp_path):
    write_png(tmp_path / "été 路.png", np.full((2, 3, 3), (200, 100, 0), np.uint8))
    assert read_image(tmp_path / "été 路.png")[0, 0].tolist() == [200, 100, 0]


@pytest.mark.parametrize("content", [b"", b"not an image", None])
def test_read_image_names_a_file_it_cannot_read(tmp_path, content):
    path = tmp_path / "broken.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.png"):
        read_image(path)


def test_tables_give_differences_to_the_first_network(tmp_path):
    data = Scenes(tmp_path)
    evaluations = {"plain": evaluate(Shifted(3), data, "cpu"), "bpkd": evaluate(Shifted(0), data, "cpu")}
    table = per_class_table(evaluations)
    assert list(table.columns) == ["class", "plain", "bpkd", "bpkd - plain"]
    assert table.rows[2] == ["car", pytest.approx(60), pytest.approx(100), pytest.approx(40)]
    assert table.rows[-1][0] == "mean"
    assert table.rows[-1][3] == pytest.approx(100 - evaluations["plain"].scores["mIoU"])
    assert [row[0] for row in boundary_table(evaluations).rows[:2]] == ["mIoU within 1 px", "mIoU within 3 px"]


def test_report_holds_all_files_and_the_pictures_of_the_limited_frames(tmp_path):
    data = Scenes(tmp_path)
    networks = {"plain": (Shifted(3), data), "bpkd": (Shifted(0), data)}
    evaluations = {name: evaluate(model, data, "cpu", 2, name) for name, (model, _) in networks.items()}
    data.asked.clear()
    page = write_evaluation(evaluations, networks, tmp_path / "out", {"date": "today"}, pictures=2, limit=2)
    assert set(data.asked) == {0, 2}
    names = sorted(path.relative_to(page.parent).as_posix() for path in page.parent.rglob("*.*"))
    pictures = [name for name in names if name.startswith("pictures/")]
    assert set(names) - set(pictures) == {
        "boundary_f.png", "evaluation.json", "index.html", "per_class.csv", "trimap.png"
    }  # fmt: skip
    assert len(pictures) == 4
    record = json.loads((page.parent / "evaluation.json").read_text(encoding="utf-8"))
    assert record["provenance"] == {"date": "today"}
    assert record["networks"]["bpkd"]["scores"]["mIoU"] == pytest.approx(100)
    assert len(record["networks"]["plain"]["frames"]) == 2
    assert page.read_text(encoding="utf-8").count("data:image/png;base64,") == 6


def test_an_evaluation_without_time_has_no_throughput():
    assert math.isnan(with_frames([1]).images_per_second)
