"""Flow files against other readers, estimators against their libraries, and the folder that keeps estimates."""

import shutil
import struct
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from torchvision.io import ImageReadMode, read_image
from torchvision.models.optical_flow import raft_small

from common.errors import CheckpointError, ConfigError, DataError
from tasks.seg.flow import DISFlow, EstimatedFlow, ExactFlow, RAFTFlow, StoredFlow, build_flow, resize_flow
from tasks.seg.flow_files import FlowCache, as_kept, read_flow, write_flow

HEIGHT, WIDTH = 24, 32


@pytest.fixture
def flow():
    return np.random.default_rng(0).uniform(-20, 20, (2, HEIGHT, WIDTH)).astype(np.float32)


def picture(shift=(0, 0), size=(64, 96)):
    """A smooth pattern, RGB, whose points have moved by ``shift`` (u, v)."""
    y, x = np.mgrid[: size[0], : size[1]].astype(float)
    x, y = x - shift[0], y - shift[1]
    waves = np.sin(x / 4) + np.cos(y / 5) + np.sin((x + 2 * y) / 9)
    return np.repeat(np.rint(128 + 40 * waves)[..., None], 3, axis=2).astype(np.uint8)


def write_pictures(folder, *shifts):
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"frame_{number:04d}.png" for number in range(len(shifts))]
    for path, shift in zip(paths, shifts, strict=True):
        cv2.imwrite(str(path), picture(shift))
    return paths


class CountedFlow(EstimatedFlow):
    """Says everywhere how often it was asked."""

    def __init__(self, cache=None, shrink=1, name="counted"):
        super().__init__(cache, shrink)
        self.asked, self.name = 0, name

    def settings(self):
        return {"type": self.name}

    def estimate(self, first, second):
        self.asked += 1
        return np.full((2, *first.shape[:2]), self.asked + 0.3, np.float32)


# --- files ---


def test_middlebury_file_is_what_another_reader_expects(tmp_path, flow):
    write_flow(tmp_path / "a.flo", flow)
    np.testing.assert_array_equal(cv2.readOpticalFlow(str(tmp_path / "a.flo")).transpose(2, 0, 1), flow)


def test_middlebury_file_of_another_writer_is_read(tmp_path, flow):
    assert cv2.writeOpticalFlow(str(tmp_path / "a.flo"), np.ascontiguousarray(flow.transpose(1, 2, 0)))
    found = read_flow(tmp_path / "a.flo")
    np.testing.assert_array_equal(found.flow, flow)
    assert found.flow.dtype == np.float32
    assert found.valid.all()


def test_middlebury_values_above_a_billion_are_unknown(tmp_path):
    # tag, width 2, height 1, then (u, v) of two pixels
    (tmp_path / "a.flo").write_bytes(struct.pack("<f2i4f", 202021.25, 2, 1, 1.5, -2.0, 1.666e9, 0.0))
    found = read_flow(tmp_path / "a.flo")
    assert found.valid.tolist() == [[True, False]]
    assert found.flow.tolist() == [[[1.5, 0.0]], [[-2.0, 0.0]]]


def test_kitti_file_is_what_another_reader_expects(tmp_path, flow):
    valid = np.random.default_rng(1).random((HEIGHT, WIDTH)) < 0.7
    write_flow(tmp_path / "a.png", flow, valid)
    u, v, its_valid = read_image(str(tmp_path / "a.png"), ImageReadMode.UNCHANGED).numpy().astype(float)
    found = (np.stack([u, v]) - 2**15) / 64  # KITTI's development kit
    np.testing.assert_array_equal(its_valid, valid)
    np.testing.assert_allclose(found[:, valid], flow[:, valid], atol=1 / 128)
    ours = read_flow(tmp_path / "a.png")
    np.testing.assert_array_equal(ours.valid, valid)
    np.testing.assert_array_equal(ours.flow[:, valid], found[:, valid])
    assert (ours.flow[:, ~valid] == 0).all()


def test_kitti_file_holds_64_steps_a_pixel_around_2_to_15(tmp_path):
    # OpenCV's order is that of the file reversed: valid, v, u
    stored = np.array([[[1, 2**15 - 32, 2**15 + 64], [0, 5, 5]]], np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), stored)
    found = read_flow(tmp_path / "a.png")
    assert found.flow[:, 0, 0].tolist() == [1.0, -0.5]
    assert found.valid.tolist() == [[True, False]]


def test_flow_beyond_kittis_range_is_marked_unknown(tmp_path):
    flow = np.array([[[-512.0, 511.98, 512.0, 700.0]], [[0.0, 0.0, 0.0, 0.0]]], np.float32)
    write_flow(tmp_path / "a.png", flow)
    assert read_flow(tmp_path / "a.png").valid.tolist() == [[True, True, False, False]]


@pytest.mark.parametrize("last", [True, False])
def test_npz_is_read_with_either_order_of_axes(tmp_path, flow, last):
    np.savez(tmp_path / "a.npz", flow=flow.transpose(1, 2, 0) if last else flow)
    np.testing.assert_array_equal(read_flow(tmp_path / "a.npz").flow, flow)


def test_npz_is_written_as_half_precision_with_validity(tmp_path, flow):
    valid = flow[0] > 0
    write_flow(tmp_path / "a.npz", flow, valid)
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["flow"].dtype == np.float16
        assert arrays["flow"].shape == (HEIGHT, WIDTH, 2)
    found = read_flow(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.valid, valid)
    np.testing.assert_array_equal(found.flow, np.where(valid, flow, 0).astype(np.float16).astype(np.float32))


def test_flow_that_is_no_number_is_unknown(tmp_path, flow):
    flow[0, 3, 4] = np.nan
    np.savez(tmp_path / "a.npz", flow=flow)
    found = read_flow(tmp_path / "a.npz")
    assert np.argwhere(~found.valid).tolist() == [[3, 4]]
    assert np.isfinite(found.flow).all()


@pytest.mark.parametrize("suffix", [".flo", ".png", ".npz"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_cut_file_is_named(tmp_path, flow, suffix, share):
    path = tmp_path / f"a{suffix}"
    write_flow(path, flow)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError, match=rf"expected optical flow .*a\{suffix}; copy or compute it again"):
        read_flow(path)


def test_middlebury_file_with_more_than_its_pixels_is_refused(tmp_path, flow):
    write_flow(tmp_path / "a.flo", flow)
    (tmp_path / "a.flo").write_bytes((tmp_path / "a.flo").read_bytes() + b"more")
    with pytest.raises(DataError, match=f"{12 + 8 * WIDTH * HEIGHT + 4} bytes for {WIDTH}x{HEIGHT}"):
        read_flow(tmp_path / "a.flo")


@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("no array", {"motion": np.zeros((4, 4, 2))}),
        ("three channels", {"flow": np.zeros((4, 4, 3))}),
        ("whole numbers", {"flow": np.zeros((4, 4, 2), int)}),
        ("other validity", {"flow": np.zeros((4, 4, 2)), "valid": np.ones((4, 5), bool)}),
    ],
)
def test_npz_of_something_else_is_refused(tmp_path, name, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=r"a\.npz"):
        read_flow(tmp_path / "a.npz")


def test_picture_in_place_of_a_kitti_file_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), picture())
    with pytest.raises(DataError, match=r"uint8 .* in place of 16 bits"):
        read_flow(tmp_path / "a.png")


def test_missing_file_and_unknown_kind_are_named(tmp_path, flow):
    with pytest.raises(DataError, match=r"none at .*a\.flo"):
        read_flow(tmp_path / "a.flo")
    with pytest.raises(DataError, match=r"\.flo, \.png, \.npz.*a\.txt"):
        read_flow(tmp_path / "a.txt")
    with pytest.raises(DataError, match=r"a\.txt"):
        write_flow(tmp_path / "a.txt", flow)
    with pytest.raises(DataError, match=r"\(24, 32, 2\)"):
        write_flow(tmp_path / "a.flo", flow.transpose(1, 2, 0))
    assert list(tmp_path.iterdir()) == []


# --- estimators ---


def test_dis_finds_a_shift_to_the_right_and_up():
    flow = DISFlow()(picture(), picture((2.0, -1.0)))
    assert flow.shape == (2, 64, 96)
    assert flow.dtype == np.float32
    inner = flow[:, 12:-12, 12:-12]
    np.testing.assert_allclose(np.median(inner, axis=(1, 2)), [2.0, -1.0], atol=0.1)


def test_dis_is_opencvs_on_grey_pictures():
    rng = np.random.default_rng(3)
    pair = [cv2.GaussianBlur(rng.integers(0, 256, (48, 64, 3), np.uint8), (9, 9), 3) for _ in range(2)]
    grey = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in pair]
    own = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(*grey, None)
    np.testing.assert_array_equal(DISFlow("fast")(*pair), own.transpose(2, 0, 1))


def test_same_picture_twice_has_no_flow():
    np.testing.assert_allclose(DISFlow()(picture(), picture()), 0, atol=1e-3)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (picture(), picture(size=(64, 90)), "96x64 and 90x64"),
        (picture()[..., 0], picture()[..., 0], r"uint8 \(64, 96\)"),
        (picture().astype(np.float32), picture(), "float32"),
        (picture()[:8], picture()[:8], "at least 12x12 .* 96x8"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(first, second, message):
    with pytest.raises(DataError, match=message):
        DISFlow()(first, second)


def test_sizes_that_differ_are_told_with_the_files(tmp_path):
    first, second = write_pictures(tmp_path, (0, 0), (1, 0))
    cv2.imwrite(str(second), picture(size=(64, 90)))
    with pytest.raises(DataError, match=r"96x64 and 90x64: .*frame_0000\.png and .*frame_0001\.png"):
        DISFlow().of_files(first, second)


@pytest.mark.parametrize("cache", [True, False])
def test_missing_picture_is_named(tmp_path, cache):
    (first,) = write_pictures(tmp_path, (0, 0))
    with pytest.raises(DataError, match=r"absent\.png"):
        DISFlow(cache=tmp_path / "kept" if cache else None).of_files(first, tmp_path / "absent.png")


def test_shrunk_estimate_has_the_pictures_size_and_pixels():
    flow = DISFlow(shrink=2)(picture((0, 0), (128, 192)), picture((4.0, -2.0), (128, 192)))
    assert flow.shape == (2, 128, 192)
    np.testing.assert_allclose(np.median(flow[:, 24:-24, 24:-24], axis=(1, 2)), [4.0, -2.0], atol=0.3)


def test_resized_flow_scales_its_values_with_the_sides():
    flow = np.stack([np.full((10, 20), 3.0), np.full((10, 20), -1.0)]).astype(np.float32)
    resized = resize_flow(flow, (30, 30))
    assert resized.shape == (2, 30, 30)
    np.testing.assert_allclose(resized[0], 3.0 * 1.5, rtol=1e-6)
    np.testing.assert_allclose(resized[1], -1.0 * 3, rtol=1e-6)


def test_resized_flow_is_interpolated_inside_and_not_mixed_across_outlines():
    ramp = np.zeros((2, 4, 40), np.float32)
    ramp[0] = 0.1 * np.arange(40)
    # pixel 2x of the doubled picture lies at x - 0.25 of the former
    np.testing.assert_allclose(resize_flow(ramp, (8, 80))[0, 3, 20], 2 * 0.1 * 9.75, rtol=1e-5)
    step = np.zeros((2, 4, 40), np.float32)
    step[0, :, 20:] = 8
    assert set(np.unique(resize_flow(step, (8, 80))[0])) == {0.0, 16.0}


def raft_weights(tmp_path):
    torch.manual_seed(0)
    model = raft_small(weights=None)
    torch.save(model.state_dict(), tmp_path / "raft.pth")
    return model.eval(), tmp_path / "raft.pth"


def test_raft_is_torchvisions_with_the_weights_of_the_file(tmp_path):
    model, file = raft_weights(tmp_path)
    pair = picture(size=(136, 128)), picture((1, 1), size=(136, 128))
    tensors = [torch.from_numpy(each).permute(2, 0, 1)[None] / 255 * 2 - 1 for each in pair]
    with torch.no_grad():
        expected = model(*tensors, num_flow_updates=2)[-1][0].numpy()
    found = RAFTFlow(file, updates=2)(*pair)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    # smaller than torchvision takes, and no multiple of 8
    assert RAFTFlow(file, updates=1)(picture(size=(60, 90)), picture(size=(60, 90))).shape == (2, 60, 90)


def test_raft_says_which_weights_it_needs_and_fetches_none(tmp_path):
    with pytest.raises(ConfigError, match=r"Raft_Large_Weights yourself, or use DISFlow"):
        RAFTFlow(size="large")
    with pytest.raises(ConfigError, match=r"address https://.*download it"):
        RAFTFlow("https://example.org/raft.pth")
    with pytest.raises(CheckpointError, match=r"no file .*absent\.pth.*Raft_Small_Weights"):
        RAFTFlow(tmp_path / "absent.pth")
    with pytest.raises(ConfigError, match="'tiny'"):
        RAFTFlow("raft.pth", size="tiny")


def test_raft_refuses_weights_of_another_network(tmp_path):
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other\.pth .size='small'. does not fit RAFT"):
        RAFTFlow(tmp_path / "other.pth")


# --- what is kept ---


def test_kept_flow_is_computed_once_and_the_same_from_the_start(tmp_path):
    first, second = write_pictures(tmp_path / "video", (0, 0), (1.3, 0.4))
    fresh = DISFlow(cache=tmp_path / "kept").of_files(first, second)
    again = DISFlow(cache=tmp_path / "kept").of_files(first, second)
    np.testing.assert_array_equal(fresh.flow, again.flow)
    np.testing.assert_array_equal(fresh.valid, again.valid)
    np.testing.assert_allclose(fresh.flow, DISFlow().of_files(first, second).flow, atol=1 / 128)
    counted = CountedFlow(tmp_path / "kept")
    assert counted.of_files(first, second).flow[0, 0, 0] == counted.of_files(first, second).flow[0, 0, 0]
    assert (
        CountedFlow(tmp_path / "kept").of_files(first, second).flow[0, 0, 0] == 1 + 19 / 64
    )  # the nearest step to 1.3
    assert counted.asked == 1


def test_kept_flow_belongs_to_contents_settings_and_direction(tmp_path):
    first, second = write_pictures(tmp_path / "video", (0, 0), (1, 0))
    counted = CountedFlow(tmp_path / "kept")
    counted.of_files(first, second)
    shutil.copytree(tmp_path / "video", tmp_path / "moved")
    counted.of_files(tmp_path / "moved" / first.name, tmp_path / "moved" / second.name)
    assert counted.asked == 1
    counted.of_files(second, first)
    assert counted.asked == 2
    cv2.imwrite(str(second), picture((3, 0)))
    counted.of_files(first, second)
    assert counted.asked == 3
    for other in (CountedFlow(tmp_path / "kept", shrink=2), CountedFlow(tmp_path / "kept", name="another")):
        other.of_files(first, second)
        assert other.asked == 1


def test_presets_of_dis_are_kept_apart(tmp_path):
    first, second = write_pictures(tmp_path / "video", (0, 0), (1, 0))
    for preset in ("ultrafast", "fast", "medium"):
        DISFlow(preset, cache=tmp_path / "kept").of_files(first, second)
    assert len(list((tmp_path / "kept").rglob("*.png"))) == 3


@pytest.mark.parametrize("damage", [b"", b"half a picture", None])
def test_damaged_kept_file_is_computed_again(tmp_path, damage):
    first, second = write_pictures(tmp_path / "video", (0, 0), (1, 0))
    counted = CountedFlow(tmp_path / "kept")
    counted.of_files(first, second)
    (file,) = (tmp_path / "kept").rglob("*.png")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert counted.of_files(first, second).flow[0, 0, 0] == 2 + 19 / 64
    assert counted.of_files(first, second).flow[0, 0, 0] == 2 + 19 / 64
    assert counted.asked == 2


def test_many_at_once_leave_one_whole_file_and_nothing_else(tmp_path):
    first, second = write_pictures(tmp_path / "video", (0, 0), (1.3, 0.4))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: DISFlow(cache=tmp_path / "kept").of_files(first, second).flow, range(16)))
    assert all((each == found[0]).all() for each in found)
    files = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".png"]


def test_shrunk_estimate_is_kept_small_and_given_large(tmp_path):
    first, second = write_pictures(tmp_path / "video", (0, 0), (1, 0))
    flow = CountedFlow(tmp_path / "kept", shrink=2)
    for _ in range(2):  # computed, then read
        found = flow.of_files(first, second)
        assert found.flow.shape == (2, 64, 96)
        assert found.valid.all()
        np.testing.assert_allclose(found.flow, 2 * (1 + 19 / 64))
    (file,) = (tmp_path / "kept").rglob("*.png")
    assert read_flow(file).flow.shape == (2, 32, 48)


def test_kept_form_is_what_the_cache_gives_back(tmp_path):
    flow = np.array([[[-512.0, 511.99, 512.0, 0.3]], [[0.0, 7.77, 0.0, -900.0]]], np.float32)
    FlowCache(tmp_path).put("abcd", flow)
    for kept, wanted in zip(as_kept(flow), FlowCache(tmp_path).get("abcd"), strict=True):
        np.testing.assert_array_equal(kept, wanted)


def test_folder_that_cannot_be_written_is_named(tmp_path):
    first, second = write_pictures(tmp_path / "video", (0, 0), (1, 0))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match=r"expected to write .*file"):
        CountedFlow(tmp_path / "file").of_files(first, second)


# --- stored and exact flow ---


def test_stored_flow_is_found_by_the_names_of_both_pictures(tmp_path, flow):
    write_flow(tmp_path / "flow" / "a_000001_to_a_000000.flo", flow)
    source = StoredFlow(tmp_path / "flow", "{first}_to_{second}.flo")
    found = source.of_files("any/a_000001_leftImg8bit.png", "any/a_000000_leftImg8bit.png", -1)
    np.testing.assert_array_equal(found.flow, flow)
    with pytest.raises(DataError, match=r"a_000000_to_a_000001\.flo"):
        source.of_files("any/a_000000.png", "any/a_000001.png", 1)


def test_stored_flow_named_by_one_picture_leads_to_the_next_frame(tmp_path, flow):
    write_flow(tmp_path / "flow" / "alley_1" / "frame_0001.flo", flow)
    source = StoredFlow(tmp_path / "flow", "{folder}/{first}.flo")
    pair = "final/alley_1/frame_0001.png", "final/alley_1/frame_0002.png"
    np.testing.assert_array_equal(source.of_files(*pair).flow, flow)
    with pytest.raises(ConfigError, match=r"\+2 frames.*next frame alone"):
        source.of_files("final/alley_1/frame_0001.png", "final/alley_1/frame_0003.png", 2)


def test_stored_flow_says_what_is_wrong_with_its_settings(tmp_path):
    with pytest.raises(DataError, match="absent"):
        StoredFlow(tmp_path / "absent")
    for name in ("{frame}.flo", "flow.flo", "{first"):
        with pytest.raises(ConfigError, match="first"):
            StoredFlow(tmp_path, name)


@pytest.mark.parametrize("source", [StoredFlow("."), ExactFlow()])
def test_flow_of_files_alone_refuses_pictures_in_memory(source):
    with pytest.raises(ConfigError, match="DISFlow or RAFTFlow"):
        source(picture(), picture())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train/train0000_00001.png", "train/train0000_00002.png"),
        (
            "leftImg8bit/train/syn/syn_000000_000001_leftImg8bit.png",
            "leftImg8bit/train/syn/syn_000000_000002_leftImg8bit.png",
        ),
    ],
)
@pytest.mark.parametrize("both", [True, False])
def test_exact_flow_lies_beside_generated_pictures(tmp_path, flow, first, second, both):
    names = [path.rpartition("/")[2].removesuffix(".png").removesuffix("_leftImg8bit") for path in (first, second)]
    file = f"{names[0]}_to_{names[1]}.npz" if both else f"{names[0]}.npz"
    write_flow(tmp_path / "flow" / "train" / file, flow)
    found = ExactFlow().of_files(tmp_path / first, tmp_path / second, 1)
    np.testing.assert_array_equal(found.flow, flow.astype(np.float16).astype(np.float32))
    with pytest.raises(DataError, match=r"-3 frames.*--reach 3"):
        ExactFlow().of_files(tmp_path / second, tmp_path / first, -3)


def test_exact_flow_to_the_next_frame_is_not_taken_for_that_to_another(tmp_path, flow):
    write_flow(tmp_path / "flow" / "train" / "a_1.npz", flow)
    ExactFlow().of_files(tmp_path / "train" / "a_1.png", tmp_path / "train" / "a_2.png", 1)
    with pytest.raises(DataError, match=r"\+2 frames"):
        ExactFlow().of_files(tmp_path / "train" / "a_1.png", tmp_path / "train" / "a_3.png", 2)


def test_flow_is_built_from_a_config_and_mistakes_are_named(tmp_path):
    built = build_flow({"type": "DISFlow", "preset": "fast"})
    assert isinstance(built, DISFlow)
    assert build_flow(built) is built
    with pytest.raises(ConfigError, match="did you mean 'DISFlow'"):
        build_flow({"type": "DISFLow"})
    with pytest.raises(ConfigError, match="speed"):
        build_flow({"type": "DISFlow", "speed": "fast"})
    with pytest.raises(ConfigError, match="'slow'"):
        build_flow({"type": "DISFlow", "preset": "slow"})
    with pytest.raises(ConfigError, match="shrink"):
        build_flow({"type": "DISFlow", "shrink": 0})
