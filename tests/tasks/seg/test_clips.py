"""Which frames are neighbours, and that pictures, labels and flow of a clip stay one through every transform."""

import functools

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import ConcatDataset, pseudo_collate
from mmengine.registry import DefaultScope
from mmseg.datasets import CityscapesDataset
from mmseg.models import SegDataPreProcessor
from mmseg.registry import DATASETS, TRANSFORMS
from scipy.ndimage import map_coordinates

import tasks.seg  # noqa: F401  (registers)
from common.errors import ConfigError, DataError
from common.ground_truth import ground_truth
from common.prediction_pipeline import prediction_pipeline
from common.sampling import SeededDataset
from data_prep.seg.video import generate
from tasks.seg.clip_transforms import ForAllFrames, LoadNeighbours, PackClip, PadFrames
from tasks.seg.clips import ClipDataset, FrameFiles, ListedFrames, fill_flow_cache, frame_name
from tasks.seg.datasets import CamVidDataset
from tasks.seg.flow import DISFlow, OpticalFlow
from tasks.seg.flow_files import FlowMap

# Packing lists for workers, the engine's default, collects garbage each time: slow in a process that holds much.
clips = functools.partial(ClipDataset, serialize_data=False)
LOAD = [dict(type="CheckedImage"), dict(type="CheckedAnnotations")]
GEOMETRY = [
    dict(type="RandomResize", scale=(96, 72), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type="RandomCrop", crop_size=(48, 64), cat_max_ratio=0.75),
    dict(type="RandomFlip", prob=0.5),
]
COLOURS = dict(type="PhotoMetricDistortion")


@pytest.fixture(autouse=True, scope="module")
def mmseg_scope():
    DefaultScope.get_instance("clips", scope_name="mmseg")


def write_camvid(root, split, names, size=(36, 48)):
    """Pictures and labels of random values, and their list."""
    rng = np.random.default_rng(0)
    for folder in (root / split, root / f"{split}annot"):
        folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imwrite(str(root / split / f"{name}.png"), rng.integers(0, 256, (*size, 3), np.uint8))
        cv2.imwrite(str(root / f"{split}annot" / f"{name}.png"), rng.integers(0, 12, size).astype(np.uint8))
    (root / f"{split}.txt").write_text("".join(f"{split}/{name}.png {split}annot/{name}.png\n" for name in names))
    return dict(type="CamVidDataset", data_root=str(root), split=split)


@pytest.fixture
def camvid(tmp_path):
    """CamVid's val clip in small: every second frame, and a gap after the fifth."""
    numbers = [7959, 7961, 7963, 7965, 7967, 8001, 8003]
    return write_camvid(tmp_path / "camvid", "val", [f"0016E5_{number:05d}" for number in numbers])


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Generated video: two clips of five frames with flow to two frames before and after."""
    root = tmp_path_factory.mktemp("clips") / "video"
    generate(root, train_clips=2, val_clips=1, test_clips=0, frames=5, size=(96, 72), reach=2, workers=1)
    return dict(type="CamVidDataset", data_root=str(root), split="train")


def names_of(dataset, view):
    """Picture -> names of its neighbours."""
    entries = [dataset.get_data_info(index) for index in range(len(dataset))]
    stem = {None: None}
    for entry in entries:
        for path in (entry["img_path"], *entry["neighbours"][view]):
            stem[path] = path and path.rpartition("/")[2].rpartition(".")[0]
    return {stem[entry["img_path"]]: [stem[path] for path in entry["neighbours"][view]] for entry in entries}


class ShiftFlow(OpticalFlow):
    """The same flow for every pair, and what was asked."""

    def __init__(self, u, v, size=(36, 48)):
        self.flow = np.broadcast_to(np.array([u, v], np.float32)[:, None, None], (2, *size))
        self.asked = []

    def of_files(self, first, second, step=1):
        self.asked.append((first, second, step))
        return FlowMap(self.flow, np.ones(self.flow.shape[1:], bool))


# --- which frames are neighbours ---


@pytest.mark.parametrize(
    ("path", "clip", "number"),
    [
        ("val/0016E5_07959.png", "val/0016E5_", 7959),
        ("train/Seq05VD_f00030.png", "train/Seq05VD_f", 30),
        ("train/aachen/aachen_000001_000019_leftImg8bit.png", "train/aachen/aachen_000001_", 19),
        ("drive/12.jpg", "drive", 12),
        ("drive/first.jpg", "drive", None),
    ],
)
def test_clip_and_number_of_a_frame_stand_in_its_name(path, clip, number):
    assert frame_name(path) == (clip, number)


def test_listed_frames_end_at_gaps_and_clips(camvid):
    dataset = clips(camvid, views=dict(next=1, previous=-1), sequence=dict(type="ListedFrames", max_gap=2))
    following = names_of(dataset, "next")
    assert following["0016E5_07959"] == ["0016E5_07961"]
    assert following["0016E5_07967"] == [None]
    assert following["0016E5_08003"] == [None]
    assert names_of(dataset, "previous")["0016E5_08001"] == [None]
    assert names_of(dataset, "previous")["0016E5_08003"] == ["0016E5_08001"]


def test_listed_frames_without_a_gap_follow_the_order_of_names(camvid):
    dataset = clips(camvid, views=dict(next=[1, 2]))
    assert names_of(dataset, "next")["0016E5_07967"] == ["0016E5_08001", "0016E5_08003"]
    assert names_of(dataset, "next")["0016E5_08001"] == ["0016E5_08003", None]


def test_pictures_come_in_the_order_of_clips_and_frames(tmp_path):
    root = tmp_path / "camvid"
    config = write_camvid(root, "val", ["b_2", "a_10", "a_9", "b_1"])
    dataset = clips(config, views=dict(next=1))
    assert list(names_of(dataset, "next").items()) == [
        ("a_9", ["a_10"]), ("a_10", [None]), ("b_1", ["b_2"]), ("b_2", [None])
    ]  # fmt: skip
    entries = [dataset.get_data_info(index) for index in range(4)]
    assert [entry["frame"] for entry in entries] == [0, 1, 0, 1]
    assert entries[0]["clip"] == str(root / "val" / "a_")
    assert entries[0]["seg_map_path"] == str(root / "valannot" / "a_9.png")


def test_part_of_a_clip_keeps_its_neighbours_to_itself(camvid):
    part = dict(views=dict(next=1, previous=-1), sequence=dict(type="ListedFrames", max_gap=2))
    training = clips(camvid, frames=(0, 2), **part)
    held = clips(camvid, frames=(3, None), **part)
    assert names_of(training, "next") == {"0016E5_07959": ["0016E5_07961"], "0016E5_07961": [None]}
    assert names_of(held, "previous")["0016E5_07965"] == [None]
    assert not set(names_of(training, "next")) & set(names_of(held, "next"))
    with pytest.raises(DataError, match=r"frames=\(50, None\) leaves none"):
        clips(camvid, frames=(50, None), **part)


def test_folders_of_frames_without_labels_are_clips(tmp_path):
    for clip, count in (("drive_b", 2), ("drive_a", 3)):
        (tmp_path / clip).mkdir()
        for number in range(count):
            cv2.imwrite(str(tmp_path / clip / f"frame_{number}.jpg"), np.zeros((20, 20, 3), np.uint8))
    inner = dict(
        type="BaseSegDataset",
        data_root=str(tmp_path),
        data_prefix=dict(img_path=""),
        metainfo=dict(classes=("road", "rest"), palette=[[1, 2, 3], [4, 5, 6]]),
    )
    steps = [dict(type="CheckedImage"), dict(type="LoadNeighbours", flow=dict(type="DISFlow")), dict(type="PackClip")]
    dataset = clips(inner, views=dict(next=1), pipeline=steps)
    found = [dataset[index]["data_samples"] for index in range(len(dataset))]
    assert [sample.img_path.removeprefix(f"{tmp_path}/") for sample in found] == [
        *(f"drive_a/frame_{number}.jpg" for number in range(3)),
        *(f"drive_b/frame_{number}.jpg" for number in range(2)),
    ]
    assert [sample.neighbour_paths["next"] is None for sample in found] == [False, False, True, False, True]
    assert "gt_sem_seg" not in found[0]


def write_cityscapes(root, frames=range(362, 392), city="hanover"):
    inner = root / "leftImg8bit" / "train" / city
    labels = root / "gtFine" / "train" / city
    sequence = root / "leftImg8bit_sequence" / "train" / city
    for folder in (inner, labels, sequence):
        folder.mkdir(parents=True)
    for number in frames:
        colour = np.full((20, 24, 3), number % 256, np.uint8)
        cv2.imwrite(str(sequence / f"{city}_000000_{number:06d}_leftImg8bit.png"), colour)
    cv2.imwrite(str(inner / f"{city}_000000_000381_leftImg8bit.png"), np.full((20, 24, 3), 381 % 256, np.uint8))
    cv2.imwrite(str(labels / f"{city}_000000_000381_gtFine_labelTrainIds.png"), np.zeros((20, 24), np.uint8))
    return dict(
        type="CityscapesDataset",
        data_root=str(root),
        data_prefix=dict(img_path="leftImg8bit/train", seg_map_path="gtFine/train"),
    )


def test_cityscapes_neighbours_lie_in_its_sequences(tmp_path):
    config = write_cityscapes(tmp_path)
    views = dict(next=[1, 10, 11], previous=[-1, -19, -20])
    dataset = clips(config, views=views, sequence=dict(type="FrameFiles"))
    assert isinstance(dataset.dataset, CityscapesDataset)
    assert names_of(dataset, "next") == {
        "hanover_000000_000381_leftImg8bit": [
            "hanover_000000_000382_leftImg8bit", "hanover_000000_000391_leftImg8bit", None
        ]
    }  # fmt: skip
    (earlier,) = names_of(dataset, "previous").values()
    assert earlier == ["hanover_000000_000380_leftImg8bit", "hanover_000000_000362_leftImg8bit", None]
    assert dataset.get_data_info(0)["neighbours"]["next"][0].startswith(str(tmp_path / "leftImg8bit_sequence/train"))


def test_cityscapes_labelled_picture_is_loaded_with_a_frame_of_its_sequence(tmp_path):
    steps = [*LOAD, dict(type="LoadNeighbours", flow=dict(type="DISFlow")), dict(type="PackClip")]
    config = write_cityscapes(tmp_path)
    sample = clips(config, views=dict(next=3), sequence=dict(type="FrameFiles"), pipeline=steps)[0]
    assert (sample["inputs"] == 381 % 256).all()
    assert (sample["data_samples"].frame_next.data == 384 % 256).all()


def test_whole_cityscapes_sequences_without_labels_are_clips(tmp_path):
    write_cityscapes(tmp_path, frames=[*range(362, 365), *range(693, 695)])
    frames = dict(
        type="CityscapesDataset", data_root=str(tmp_path), data_prefix=dict(img_path="leftImg8bit_sequence/train")
    )
    dataset = clips(frames, views=dict(next=1), sequence=dict(type="ListedFrames", max_gap=1))
    found = [paths[0] and paths[0][-18:-12] for paths in names_of(dataset, "next").values()]
    assert found == ["000363", "000364", None, "000694", None]


def test_missing_cityscapes_frame_is_named_with_the_command(tmp_path):
    config = write_cityscapes(tmp_path, frames=range(362, 383))
    with pytest.raises(DataError, match=r"hanover_000000_000383_leftImg8bit\.png \(\+2 of .*--sequences"):
        clips(config, views=dict(next=[1, 2]), sequence=dict(type="FrameFiles"))


def test_missing_folder_of_sequences_is_named(tmp_path, camvid):
    config = write_cityscapes(tmp_path)
    (tmp_path / "leftImg8bit_sequence").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="leftImg8bit_sequence; get leftImg8bit_sequence_trainvaltest"):
        clips(config, views=dict(next=1), sequence=dict(type="FrameFiles"))
    with pytest.raises(ConfigError, match=r"'leftImg8bit' among the folders of .*0016E5_07959"):
        clips(camvid, views=dict(next=1), sequence=dict(type="FrameFiles"))


def test_frames_of_a_folder_of_its_own_count_as_far_as_they_are_there(tmp_path, camvid):
    frames = tmp_path / "camvid" / "frames"
    frames.mkdir()
    for number in (7958, 7960):
        cv2.imwrite(str(frames / f"0016E5_{number:05d}.jpg"), np.zeros((36, 48, 3), np.uint8))
    sequence = FrameFiles(part="val", frames="frames", before=None, after=None)
    dataset = clips(camvid, views=dict(next=[1], previous=[-1]), sequence=sequence)
    assert names_of(dataset, "next")["0016E5_07959"] == ["0016E5_07960"]
    assert names_of(dataset, "previous")["0016E5_07959"] == ["0016E5_07958"]
    assert names_of(dataset, "next")["0016E5_07961"] == [None]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(views=dict(next=0)), r"'next' as whole numbers other than 0 but found \[0\]"),
        (dict(views=dict(next=[])), "'next'"),
        (dict(views=dict(next=[1, 2], previous=-1)), r"next \[1, 2\], previous \[-1\]"),
        (dict(views=dict(next=1), sequence=dict(type="ListedFrame")), "did you mean 'ListedFrames'"),
        (dict(views=dict(next=1), sequence=dict(type="ListedFrames", gap=2)), "gap"),
        (dict(views=dict(next=1), sequence=dict(type="ListedFrames", max_gap=0)), "max_gap of at least 1"),
        (dict(views=dict(next=1), frames=5), r"frames=\(start, stop\)"),
    ],
)
def test_settings_that_do_not_fit_are_refused(camvid, settings, message):
    with pytest.raises(ConfigError, match=message):
        clips(camvid, **settings)


def test_data_set_with_a_pipeline_of_its_own_is_refused(camvid):
    with pytest.raises(ConfigError, match=r"give ClipDataset\(pipeline"):
        clips(dict(camvid, pipeline=LOAD), views=dict(next=1))


def test_pictures_that_are_no_video_are_refused_unless_meant(tmp_path):
    config = write_camvid(tmp_path, "train", [f"0016E5_{number:05d}" for number in (390, 420, 450)])
    with pytest.raises(DataError, match=r"view 'next' .* none of the 3 .*SinglePictures"):
        clips(config, views=dict(next=1), sequence=dict(type="ListedFrames", max_gap=2))
    dataset = clips(config, views=dict(next=1), sequence=dict(type="SinglePictures"))
    assert set(map(tuple, names_of(dataset, "next").values())) == {(None,)}


def test_names_without_numbers_have_no_gaps(tmp_path):
    config = write_camvid(tmp_path, "val", ["first", "second"])
    with pytest.raises(DataError, match=r"a number at the end .*first\.png"):
        clips(config, views=dict(next=1), sequence=ListedFrames(max_gap=1))
    assert names_of(clips(config, views=dict(next=1)), "next") == {"first": ["second"], "second": [None]}


# --- loading ---


def test_sample_holds_frame_flow_and_validity_of_each_view(camvid):
    flow = ShiftFlow(1.5, -2.0)
    steps = [*LOAD, dict(type="LoadNeighbours", flow=flow), dict(type="PackClip")]
    dataset = clips(camvid, views=dict(next=1, previous=-1), pipeline=steps)
    sample = dataset[1]
    data = sample["data_samples"]
    assert data.frame_next.data.dtype == torch.uint8
    assert data.frame_next.data.shape == sample["inputs"].shape == (3, 36, 48)
    torch.testing.assert_close(data.frame_next.data, dataset[2]["inputs"])
    torch.testing.assert_close(data.frame_previous.data, dataset[0]["inputs"])
    assert data.flow_next.data.dtype == torch.float32
    assert data.flow_next.data.shape == (2, 36, 48)
    assert data.flow_next.data[:, 3, 4].tolist() == [1.5, -2.0]
    assert data.clip.endswith("0016E5_")
    assert data.frame == 1
    asked = [(first[-9:-4], second[-9:-4], step) for first, second, step in flow.asked[:2]]
    assert asked == [("07961", "07963", 1), ("07961", "07959", -1)]


def test_validity_ends_where_flow_leaves_the_picture(camvid):
    steps = [*LOAD, dict(type="LoadNeighbours", flow=ShiftFlow(1.4, -2.6)), dict(type="PackClip")]
    valid = clips(camvid, views=dict(next=1), pipeline=steps)[0]["data_samples"].valid_next.data
    # 1.4 to the right: columns 0..46 land on 47.49 at most; 2.6 up: rows from 3 on
    expected = np.zeros((36, 48), np.uint8)
    expected[3:, :47] = 1
    np.testing.assert_array_equal(valid[0].numpy(), expected)


def test_picture_without_neighbour_is_its_own_with_flow_0_and_nothing_valid(camvid):
    steps = [*LOAD, dict(type="LoadNeighbours", flow=ShiftFlow(1, 1)), dict(type="PackClip")]
    dataset = clips(camvid, views=dict(next=1), pipeline=steps)
    sample = dataset[len(dataset) - 1]
    torch.testing.assert_close(sample["data_samples"].frame_next.data, sample["inputs"])
    assert (sample["data_samples"].flow_next.data == 0).all()
    assert (sample["data_samples"].valid_next.data == 0).all()
    assert sample["data_samples"].neighbour_paths == {"next": None}


def test_steps_are_drawn_evenly_among_those_in_reach_and_alike_for_all_views(camvid):
    load = LoadNeighbours(frames=True)
    dataset = clips(camvid, views=dict(previous=[-1, -2], next=[1, 2]), pipeline=[*LOAD, load, PackClip()])
    np.random.seed(0)
    drawn = [tuple(dataset[2]["data_samples"].neighbour_paths.values()) for _ in range(200)]
    pairs = {tuple(path[-9:-4] for path in pair) for pair in drawn}
    assert pairs == {("07961", "07965"), ("07959", "07967")}
    assert 70 < sum(pair[0].endswith("07961.png") for pair in drawn) < 130
    # the second frame has no neighbour two frames before: only the near pair is whole
    assert {dataset[1]["data_samples"].neighbour_paths["next"][-9:-4] for _ in range(20)} == {"07963"}
    # the first has none before at all: the next frames are drawn, and it stands in for the previous one
    found = [dataset[0]["data_samples"].neighbour_paths for _ in range(20)]
    assert {each["next"][-9:-4] for each in found} == {"07961", "07963"}
    assert {each["previous"] for each in found} == {None}


def test_mistakes_in_the_pipeline_are_named(camvid):
    with pytest.raises(ConfigError, match="put LoadNeighbours into the pipeline"):
        clips(camvid, views=dict(next=1), pipeline=[*LOAD, PackClip()])[0]
    with pytest.raises(ConfigError, match="wrap the data set"):
        CamVidDataset(camvid["data_root"], "val", serialize_data=False, pipeline=[*LOAD, LoadNeighbours(), PackClip()])[
            0
        ]
    with pytest.raises(ConfigError, match="did you mean 'DISFlow'"):
        LoadNeighbours(flow=dict(type="DISflow"))
    with pytest.raises(ConfigError, match="RandomRotate"):
        ForAllFrames([dict(type="RandomRotate", prob=1.0, degree=10)])
    late = [*LOAD, LoadNeighbours(), dict(type="RandomCrop", crop_size=(20, 20)), PackClip()]
    with pytest.raises(ConfigError, match=r"view 'next' of 20x20.*48x36.*ForAllFrames"):
        clips(camvid, views=dict(next=1), pipeline=late)[0]
    flow_first = [LOAD[0], dict(type="Resize", scale=(24, 18)), LOAD[1], LoadNeighbours(), PackClip()]
    with pytest.raises(DataError, match=r"one size but found 24x18 .* and 48x36"):
        clips(camvid, views=dict(next=1), pipeline=flow_first)[0]


def test_flow_that_does_not_follow_a_resize_of_the_label_is_named(camvid):
    steps = [*LOAD, dict(type="Resize", scale=(24, 18)), LoadNeighbours(ShiftFlow(0, 0), frames=False), PackClip()]
    with pytest.raises(ConfigError, match=r"in the size of the label, 24x18, but found 48x36; .* after Resize"):
        clips(camvid, views=dict(next=1), pipeline=steps)[0]


def test_frames_and_flow_of_another_size_are_named(camvid, tmp_path):
    dataset = clips(camvid, views=dict(next=1), pipeline=[*LOAD, LoadNeighbours(ShiftFlow(0, 0, (5, 5)))])
    with pytest.raises(DataError, match=r"flow of 48x36, as .*07959\.png, but found 5x5 .*07961\.png"):
        dataset[0]
    cv2.imwrite(str(tmp_path / "camvid" / "val" / "0016E5_07961.png"), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(DataError, match=r"48x36 in .*07959\.png and 9x9 in .*07961\.png"):
        dataset[0]


# --- transforms ---


def moved_pair(u=4.0, v=-3.0, size=(60, 80)):
    """A sample of a smooth picture, its neighbour, in which every point has moved by (u, v), and that flow."""
    y, x = np.mgrid[: size[0], : size[1]].astype(float)

    def paint(x, y):
        waves = np.stack([np.sin(x / 7) + np.cos(y / 9), np.cos((x + y) / 8), np.sin(x / 11 - y / 6)], axis=2)
        return np.rint(128 + 50 * waves).astype(np.uint8)

    return {
        "img": paint(x, y),
        "frame_next": paint(x - u, y - v),
        "flow_next": np.broadcast_to(np.array([u, v], np.float32), (*size, 2)).copy(),
        "valid_next": np.ones(size, bool),
        "gt_seg_map": (x // 20).astype(np.uint8),
        "seg_fields": ["gt_seg_map"],
        "views": ["next"],
        "img_shape": size,
        "ori_shape": size,
    }


def warping_error(results):
    """Mean absolute difference of the picture and its neighbour warped by the flow, in grey levels."""
    flow = results["flow_next"]
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(float)
    x, y = x + flow[..., 0], y + flow[..., 1]
    inside = (x >= 0) & (x <= flow.shape[1] - 1) & (y >= 0) & (y <= flow.shape[0] - 1)
    warped = [map_coordinates(results["frame_next"][..., c].astype(float), [y, x], order=1) for c in range(3)]
    return np.abs(np.stack(warped, axis=2) - results["img"])[inside].mean(), inside.mean()


@pytest.mark.parametrize(
    "transforms",
    [
        [dict(type="Resize", scale=(120, 90))],
        [dict(type="Resize", scale=(70, 90))],
        [dict(type="Resize", scale=(40, 30))],
        [dict(type="RandomCrop", crop_size=(40, 50))],
        [dict(type="RandomFlip", prob=1.0)],
        [dict(type="RandomFlip", prob=1.0, direction="vertical")],
        [dict(type="RandomFlip", prob=1.0, direction="diagonal")],
        [dict(type="RandomFlip", prob=1.0), dict(type="RandomCrop", crop_size=(40, 50))],
        [dict(type="RandomChoiceResize", scales=[(64, 48)], keep_ratio=True)],
        [
            dict(type="RandomResize", scale=(80, 60), ratio_range=(0.75, 1.5), keep_ratio=True),
            dict(type="RandomCrop", crop_size=(40, 50)),
            dict(type="RandomFlip", prob=1.0),
        ],
    ],
)
def test_flow_still_leads_to_the_neighbour(transforms):
    np.random.seed(1)
    results = ForAllFrames(transforms)(moved_pair())
    assert results["flow_next"].shape[:2] == results["valid_next"].shape == results["img"].shape[:2]
    assert results["frame_next"].shape == results["img"].shape
    assert results["flow_next"].dtype == np.float32
    assert results["seg_fields"] == ["gt_seg_map"]
    error, share = warping_error(results)
    assert share > 0.7
    assert error < 1.5
    results["flow_next"] = -results["flow_next"]
    assert warping_error(results)[0] > 8


def test_resized_and_flipped_flow_by_hand():
    results = ForAllFrames([dict(type="Resize", scale=(160, 90)), dict(type="RandomFlip", prob=1.0)])(moved_pair())
    # 80x60 to 160x90: u doubles and turns its sign, v grows by half
    np.testing.assert_allclose(results["flow_next"], np.broadcast_to([-8.0, -4.5], (90, 160, 2)), rtol=1e-6)
    assert results["flip"] is True


@pytest.mark.parametrize("seed", range(4))
def test_picture_and_label_are_those_of_the_plain_transforms(seed):
    transforms = [*GEOMETRY, COLOURS]
    np.random.seed(seed)
    plain = {name: value for name, value in moved_pair().items() if not name.endswith("_next") and name != "views"}
    for transform in transforms:
        plain = TRANSFORMS.build(transform)(plain)
    np.random.seed(seed)
    clip = ForAllFrames(transforms)(moved_pair())
    np.testing.assert_array_equal(clip["img"], plain["img"])
    np.testing.assert_array_equal(clip["gt_seg_map"], plain["gt_seg_map"])
    assert {key: clip[key] for key in ("img_shape", "scale_factor", "flip", "flip_direction")} == {
        key: plain[key] for key in ("img_shape", "scale_factor", "flip", "flip_direction")
    }


def test_colours_change_alike_in_all_frames():
    pair = moved_pair()
    pair["frame_next"] = pair["img"].copy()
    before = pair["img"].copy()
    changed = 0
    for seed in range(6):
        np.random.seed(seed)
        results = ForAllFrames([COLOURS])(dict(pair))
        np.testing.assert_array_equal(results["frame_next"], results["img"])
        changed += (results["img"] != before).any()
    assert changed >= 4


def test_swapped_labels_of_a_flip_do_not_touch_the_flow():
    pair = moved_pair(u=1.0, v=2.0)
    results = ForAllFrames([dict(type="RandomFlip", prob=1.0, swap_seg_labels=[(1, 2)])])(pair)
    assert set(np.unique(results["flow_next"])) == {-1.0, 2.0}


def test_flow_known_in_places_is_valid_in_those_after_a_resize():
    pair = moved_pair()
    pair["valid_next"][:, 40:] = False
    results = ForAllFrames([dict(type="Resize", scale=(160, 120))])(pair)
    np.testing.assert_array_equal(results["valid_next"], np.arange(160)[None].repeat(120, axis=0) < 80)


def test_padding_reaches_every_frame_label_and_flow():
    pair = moved_pair()
    results = PadFrames((64, 100), colour=(1, 2, 3))(pair)
    for name in ("img", "frame_next"):
        assert results[name].shape == (64, 100, 3)
        assert (results[name][60:] == (1, 2, 3)).all()
        assert (results[name][:, 80:] == (1, 2, 3)).all()
    assert (results["gt_seg_map"][60:] == 255).all()
    assert (results["flow_next"][60:] == 0).all()
    assert results["flow_next"][10, 10].tolist() == [4.0, -3.0]
    assert not results["valid_next"][:, 80:].any()
    # 4 to the right, from column 76 on, leads into the padding, and 3 up out of the picture
    np.testing.assert_array_equal(np.flatnonzero(results["valid_next"][30]), np.arange(76))
    np.testing.assert_array_equal(np.flatnonzero(results["valid_next"][:, 30]), np.arange(3, 60))
    assert results["img_shape"] == (64, 100)
    assert PadFrames((10, 10))(moved_pair())["img"].shape == (60, 80, 3)


# --- whole pipelines ---


def train_pipeline(flow):
    return [
        *LOAD,
        dict(type="LoadNeighbours", flow=flow),
        dict(type="ForAllFrames", transforms=[*GEOMETRY, COLOURS]),
        dict(type="PadFrames", size=(48, 64)),
        dict(type="PackClip"),
    ]


def test_generated_video_trains_with_exact_flow_at_every_scale_crop_and_flip(video):
    views = dict(next=[-2, -1, 1, 2])
    dataset = clips(video, views=views, pipeline=train_pipeline(dict(type="ExactFlow")))
    assert len(dataset) == 10
    np.random.seed(0)
    errors, wrong = [], []
    for index in range(10):
        item = dataset[index]
        sample = item["data_samples"]
        assert item["inputs"].shape == sample.frame_next.data.shape == (3, 48, 64)
        assert sample.gt_sem_seg.data.shape == (1, 48, 64)
        flow, valid = sample.flow_next.data.numpy(), sample.valid_next.data[0].numpy() > 0
        y, x = np.mgrid[:48, :64]
        for sign, into in ((1, errors), (-1, wrong)):
            places = [y + sign * flow[1], x + sign * flow[0]]
            warped = [map_coordinates(c.numpy().astype(float), places, order=1) for c in sample.frame_next.data]
            into.append(np.abs(np.stack(warped) - item["inputs"].numpy())[:, valid].mean())
    assert np.mean(errors) < 0.65 * np.mean(wrong)


def test_samples_follow_from_seed_and_position_alone(video):
    dataset = clips(video, views=dict(next=[-1, 1]), pipeline=train_pipeline(dict(type="ExactFlow")))
    seeded = SeededDataset(dataset)
    loaders = [
        torch.utils.data.DataLoader(seeded, 2, sampler=[(i, 5, i) for i in range(4)], num_workers=n, collate_fn=list)
        for n in (0, 2)
    ]
    for here, there in zip(*loaders, strict=True):
        for one, two in zip(here, there, strict=True):
            torch.testing.assert_close(one["inputs"], two["inputs"])
            torch.testing.assert_close(one["data_samples"].flow_next.data, two["data_samples"].flow_next.data)
    other = seeded[(0, 6, 0)]["inputs"]
    assert not torch.equal(other, seeded[(0, 5, 0)]["inputs"])


def test_batches_give_losses_their_ground_truth(video):
    dataset = clips(video, views=dict(next=1), pipeline=train_pipeline(dict(type="ExactFlow")))
    samples = [dataset[index]["data_samples"] for index in range(3)]
    assert ground_truth(samples, "frame_next").shape == (3, 3, 48, 64)
    assert ground_truth(samples, "flow_next").shape == (3, 2, 48, 64)
    assert ground_truth(samples, "valid_next").shape == (3, 48, 64)


def test_batch_passes_mmsegs_preprocessor_with_its_views(video):
    dataset = clips(video, views=dict(next=1), pipeline=train_pipeline(dict(type="ExactFlow")))
    batch = pseudo_collate([dataset[index] for index in range(2)])
    preprocessor = SegDataPreProcessor(mean=[1.0, 2.0, 3.0], std=[1.0, 1.0, 2.0], bgr_to_rgb=True, size=(48, 64))
    done = preprocessor(batch, training=True)
    assert done["inputs"].shape == (2, 3, 48, 64)
    assert ground_truth(done["data_samples"], "gt_sem_seg").shape == (2, 48, 64)
    assert ground_truth(done["data_samples"], "flow_next").shape == (2, 2, 48, 64)


def test_test_pipeline_keeps_whole_frames_and_flow_of_the_labels_size(video):
    steps = [
        LOAD[0],
        dict(type="Resize", scale=(48, 36), keep_ratio=True),
        LOAD[1],
        dict(type="LoadNeighbours", flow=dict(type="ExactFlow"), frames=False),
        dict(type="PackClip"),
    ]
    dataset = clips(video, views=dict(next=1), pipeline=steps)
    samples = [dataset[index] for index in range(5)]
    assert [each["data_samples"].frame for each in samples] == [0, 1, 2, 3, 4]
    assert samples[0]["inputs"].shape == (3, 36, 48)
    first, second = (each["data_samples"] for each in samples[:2])
    assert "frame_next" not in first
    # labels of the next frame, taken where the flow leads, are the labels of this frame
    flow, valid = first.flow_next.data.numpy(), first.valid_next.data[0].numpy() > 0
    assert flow.shape == (2, 72, 96)
    y, x = np.mgrid[:72, :96]
    row, column = np.floor(y + flow[1] + 0.5).astype(int), np.floor(x + flow[0] + 0.5).astype(int)
    labels = [each.gt_sem_seg.data[0].numpy() for each in (first, second)]
    assert valid.mean() > 0.6
    np.testing.assert_array_equal(labels[1][row[valid], column[valid]], labels[0][valid])
    assert first.neighbour_paths["next"] == second.img_path
    assert samples[4]["data_samples"].neighbour_paths["next"] is None


def test_single_pictures_train_beside_a_video(video, tmp_path):
    stills = write_camvid(tmp_path, "train", ["0001TP_000001", "0001TP_000031"], size=(72, 96))
    pipeline = train_pipeline(dict(type="DISFlow"))
    shared = dict(type="ClipDataset", serialize_data=False, views=dict(next=1), pipeline=pipeline)
    joined = ConcatDataset(
        [
            DATASETS.build(dict(shared, dataset=stills, sequence=dict(type="SinglePictures"))),
            DATASETS.build(dict(shared, dataset=video)),
        ]
    )
    assert len(joined) == 12
    assert joined.metainfo["classes"] == CamVidDataset.METAINFO["classes"]
    samples = [joined[index]["data_samples"] for index in (0, 2)]
    assert ground_truth(samples, "flow_next").shape == (2, 2, 48, 64)
    assert (samples[0].flow_next.data == 0).all()
    assert samples[1].flow_next.data.abs().max() > 0.5


def test_single_pictures_are_predicted_without_neighbours(camvid):
    steps = [LOAD[0], dict(type="Resize", scale=(24, 18)), LOAD[1], dict(type="LoadNeighbours"), dict(type="PackClip")]
    dataset = dict(type="ClipDataset", dataset=camvid, views=dict(next=1), pipeline=steps)
    pipeline = prediction_pipeline(Config(dict(test_dataloader=dict(dataset=dataset))), TRANSFORMS)
    picture = np.zeros((36, 48, 3), np.uint8)
    packed = pipeline({"img": picture, "img_path": "", "img_shape": (36, 48), "ori_shape": (36, 48), "seg_fields": []})
    assert packed["inputs"].shape == (3, 18, 24)


def test_flow_is_computed_ahead_for_every_step_and_pair_once(camvid, tmp_path):
    dataset = clips(camvid, views=dict(next=[1, -1]), sequence=ListedFrames(max_gap=2))
    settings = dict(type="DISFlow", preset="ultrafast", cache=str(tmp_path / "flow"))
    # five frames in a row and two: four pairs and one, each in both directions
    assert fill_flow_cache(dataset, settings, threads=2) == 10
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "flow").rglob("*.png")}
    assert len(files) == 10
    fill_flow_cache(dataset, settings)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "flow").rglob("*.png")} == files
    with pytest.raises(ConfigError, match="cache=FOLDER"):
        fill_flow_cache(dataset, DISFlow())
