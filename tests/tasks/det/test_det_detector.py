"""Detectors as files: an ONNX file finds what mmdet finds, in pixels of any image."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from small_detectors import META, scenery, write_network

from common.errors import CheckpointError, ConfigError
from tasks.det.detector import (
    DetectorInfo,
    OnnxDetector,
    load_checkpoint,
    load_detectors,
    load_onnx,
    placed,
    suppressed,
)
from tasks.det.export import export
from tasks.det.exported_network import DetectorExport, detector_info, image_size
from tasks.det.models import load_detector

HEADS = ["RetinaNet", "ATSS", "FCOS", "GFL", "SingleStageDetector"]
INFO = DetectorInfo(
    classes=("cell", "dust"),
    palette=((200, 0, 0), (0, 0, 200)),
    size=(24, 32),
    resize="fit",
    padding=(1.0, 2.0, 3.0),
    levels=(3, 2),
    score_threshold=0.1,
    candidates=10,
    least_side=0.0,
    nms_iou=0.5,
    max_detections=10,
)


class TorchSession:
    """Answers as onnxruntime does with the exported network, which need not be exported for that."""

    def __init__(self, network):
        self.network = network

    def run(self, names, inputs):
        assert names == ["boxes", "scores"]
        with torch.no_grad():
            return [found.numpy() for found in self.network(torch.from_numpy(inputs["image"]))]


def both(folder, detector="RetinaNet", size=None, **options):
    """mmdet's detector, and the one of an ONNX file without the file."""
    config, checkpoint = write_network(folder, detector, **options)
    model, cfg = load_detector(config, checkpoint, "cpu")
    size = image_size(cfg, size)
    network = DetectorExport(model, size)
    info = DetectorInfo.of_metadata(detector_info(model, cfg, network, size).as_metadata(), "net.onnx")
    return load_checkpoint(config, checkpoint), OnnxDetector("net.onnx", TorchSession(network), info)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Config, checkpoint and ONNX file of a RetinaNet."""
    folder = tmp_path_factory.mktemp("retinanet")
    config, checkpoint = write_network(folder)
    export(config, checkpoint, folder / "out.pth", folder / "out.onnx")
    return config, checkpoint, str(folder / "out.onnx")


def assert_same(found, expected):
    assert len(found) == len(expected) > 5
    assert len(set(expected.labels)) > 1
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-2)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    np.testing.assert_array_equal(found.labels, expected.labels)


def stronger(found, least):
    return found[found.scores > least]


def test_an_onnx_file_finds_what_mmdet_finds(exported):
    detectors = load_detectors({"torch": exported[:2], "onnx": exported[2:]}, threads=1)
    assert [each.name for each in detectors.values()] == ["net.pth", "out.onnx"]
    for seed, shape in enumerate(((48, 64), (96, 128), (300, 400))):
        expected, found = (each.detect(scenery(*shape, seed)) for each in detectors.values())
        assert_same(found, expected)


@pytest.mark.parametrize("detector", HEADS)
def test_heads_of_all_kinds_are_decoded_as_mmdet_does(tmp_path, detector):
    # With a centerness mmdet chooses candidates by the class's probability alone: there are enough for all here,
    # and they are held against the threshold with it.
    torch_detector, onnx_detector = both(
        tmp_path, detector, change={"test_cfg.nms_pre": 10_000, "test_cfg.score_thr": 0.15}
    )
    for seed, shape in enumerate(((48, 64), (300, 400))):
        image = scenery(*shape, seed)
        assert_same(onnx_detector.detect(image), stronger(torch_detector.detect(image), 0.15))


def test_images_that_are_stretched_come_back_to_their_own_pixels(tmp_path):
    torch_detector, onnx_detector = both(tmp_path, more="\ntest_pipeline[1].update(keep_ratio=False)\n")
    assert onnx_detector.info.resize == "stretch"
    image = scenery(90, 50)
    found = onnx_detector.detect(image)
    assert_same(found, torch_detector.detect(image))
    assert found.boxes[:, 2].max() <= 50 < found.boxes[:, 3].max()


def test_padding_is_what_the_network_sees_as_mmdets(tmp_path):
    # mmdet pads to multiples of 128 here, as the file does, so that both see the same.
    change = {"data_preprocessor.pad_size_divisor": 128, "data_preprocessor.pad_value": 0.5}
    torch_detector, onnx_detector = both(tmp_path, size=(128, 128), change=change)
    expected = [123.675 + 29.1975, 116.28 + 28.56, 103.53 + 28.6875]
    np.testing.assert_allclose(onnx_detector.info.padding, expected, atol=1e-3)
    for shape in ((48, 64), (64, 48)):
        # mmdet's scale, 128x96, is turned for upright images.
        image = scenery(*shape)
        assert_same(onnx_detector.detect(image), torch_detector.detect(image))


def test_an_image_keeps_its_shape_in_the_upper_left_corner():
    image = np.full((10, 20, 3), 200, np.uint8)
    picture, size = placed(image, INFO)
    assert size == (32, 16)
    np.testing.assert_array_equal(picture[:16], 200)
    np.testing.assert_array_equal(picture[16:], np.broadcast_to(np.float32([1, 2, 3]), (8, 32, 3)))
    assert picture.dtype == np.float32


def test_a_thin_image_keeps_a_pixel():
    assert placed(np.zeros((2, 400, 3), np.uint8), INFO)[1] == (32, 1)


BOXES = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 10, 8], [5, 5, 5, 9]], float)
SCORES = np.array([[0.5, 0.0], [0.6, 0.0], [0.1, 0.2], [0.0, 0.9], [0.9, 0.9]])


def test_the_better_of_two_boxes_of_a_class_stays_and_boxes_without_area_go():
    # The first two overlap by 90 of 110; the fourth covers 80 % of the first, but is of another class.
    found = suppressed(BOXES, SCORES, INFO)
    assert found.scores.tolist() == [0.9, 0.6, 0.2]
    assert found.labels.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(found.boxes, BOXES[[3, 1, 2]])


def test_a_higher_overlap_is_allowed_where_the_metadata_say_so():
    assert suppressed(BOXES, SCORES, replace(INFO, nms_iou=0.85)).scores.tolist() == [0.9, 0.6, 0.5, 0.2]


def test_a_score_at_the_threshold_is_not_enough():
    assert 0.1 not in suppressed(BOXES, SCORES, INFO).scores
    assert 0.1 in suppressed(BOXES, SCORES, replace(INFO, score_threshold=0.05)).scores


def test_candidates_are_counted_by_level_and_detections_altogether():
    lenient = replace(INFO, nms_iou=0.85)
    assert suppressed(BOXES, SCORES, replace(lenient, candidates=1)).scores.tolist() == [0.9, 0.6]
    assert suppressed(BOXES, SCORES, replace(INFO, max_detections=2)).scores.tolist() == [0.9, 0.6]


def test_boxes_of_a_least_side_are_larger():
    assert len(suppressed(BOXES, SCORES, replace(INFO, least_side=10.0))) == 0
    assert suppressed(BOXES, SCORES, replace(INFO, least_side=9.0)).scores.tolist() == [0.6, 0.2]


def test_nothing_found_is_no_box():
    found = suppressed(BOXES, np.zeros((5, 2)), INFO)
    assert (found.boxes.shape, found.scores.shape) == ((0, 4), (0,))


def test_metadata_come_back_as_they_were():
    metadata = INFO.as_metadata()
    assert metadata["task"] == "det"
    assert json.loads(metadata["classes"]) == ["cell", "dust"]
    assert DetectorInfo.of_metadata(metadata, "net.onnx") == INFO


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "seg"}, "wrote for detection but found task 'seg', without nothing, in net.onnx"),
        ({"nms_iou": None}, "found task 'det', without nms_iou"),
        ({"levels": "[1, "}, "expected metadata in JSON but found"),
        ({"resize": '"crop"'}, "expected resize fit or stretch but found 'crop'"),
    ],
)
def test_metadata_of_another_kind_are_refused(change, message):
    metadata = {key: value for key, value in (INFO.as_metadata() | change).items() if value is not None}
    with pytest.raises(CheckpointError, match=message):
        DetectorInfo.of_metadata(metadata, "net.onnx")


def test_a_file_that_does_not_fit_its_metadata_is_refused(exported, tmp_path):
    onnx_file = str(tmp_path / "other.onnx")
    model = onnx.load(exported[2])
    for entry in model.metadata_props:
        if entry.key == "classes":
            entry.value = '["cell"]'
    onnx.save(model, onnx_file)
    with pytest.raises(CheckpointError, match="as its metadata say, but found"):
        load_onnx(onnx_file)


def test_numbers_that_are_not_finite_are_refused():
    class Diverged:
        def run(self, names, inputs):
            return [np.full((1, 5, 4), np.nan), np.zeros((1, 5, 2))]

    with pytest.raises(CheckpointError, match=r"expected finite boxes but bad\.onnx gives others"):
        OnnxDetector("bad.onnx", Diverged(), INFO).detect(scenery())


def test_a_network_is_asked_for():
    with pytest.raises(ConfigError, match=r"expected a network before the images: NETWORK\.onnx"):
        load_detectors({})


def test_classes_are_the_checkpoints(tmp_path):
    config, checkpoint = write_network(tmp_path)
    detector = load_checkpoint(config, checkpoint)
    assert detector.classes == META["classes"]
    assert torch.tensor(detector.palette).tolist() == META["palette"]
