"""From boxes of faces to boxes of points, and back."""

import dataclasses

import numpy as np
import pytest
from painted_faces import FACE, SIZE, FaceColourDetector, face_points, landmarker, paint
from square_faces import SCHEME

from common.errors import CheckpointError, ConfigError
from common.landmark_files import Face, load_scheme
from common.landmark_files.pts import read_pts
from common.report import write_png
from tasks.landmarks.crop import box_of
from tasks.landmarks.detector import Detections
from tasks.landmarks.face_box import FaceBox
from tasks.landmarks.landmarker import LandmarkInfo


def test_points_box_lies_where_the_shares_say():
    """A face of 100 x 50 from (10, 20): its middle is (60, 45), that of its points (70, 40), and they are 40 x 10."""
    shares = FaceBox(0.1, -0.1, 0.4, 0.2)
    np.testing.assert_allclose(shares.to_points([10, 20, 110, 70]), [50, 35, 90, 45])


@pytest.mark.parametrize("shares", [FaceBox(), FaceBox(0.1, -0.1, 0.4, 0.5)])
def test_back_again_is_the_faces_box(shares):
    face = [10.0, 20.0, 110.0, 70.0]
    np.testing.assert_allclose(shares.to_face(shares.to_points(face)), face)


def test_a_flat_box_tells_the_scale_by_its_longer_side():
    """Eyes that are half closed: the face is as large as before."""
    shares = FaceBox(0, 0, 0.5, 0.1)
    np.testing.assert_allclose(shares.to_face([25, 47.5, 75, 52.5]), [0, 0, 100, 100])


def test_68_and_98_points_fill_a_face():
    assert FaceBox.of_scheme(load_scheme("68")) == FaceBox.of_scheme(load_scheme("98")) == FaceBox()


def test_29_points_reach_from_brow_to_brow_and_down_to_the_chin(shared_data):
    """In faces that the number was not taken from."""
    found = []
    for path in sorted((shared_data / "faces68" / "val").glob("*.pts")):
        points = read_pts(path, 68)
        box = FaceBox.of_scheme(load_scheme("29")).to_points(box_of(points))
        found.append((box - box_of(points[[8, *range(17, 68)]])) / np.max(box[2:] - box[:2]))
    np.testing.assert_allclose(np.median(found, axis=0), 0, atol=0.02)


@pytest.mark.parametrize("scheme", [SCHEME, dataclasses.replace(SCHEME, name="68")])
def test_of_own_points_nothing_is_known(scheme):
    assert FaceBox.of_scheme(scheme) is None


@pytest.mark.parametrize(
    "wrong", [(0, 0, 1), (0, 0, 0, 1), (0, 0, 1, -1), (float("nan"), 0, 1, 1), ("a", 0, 1, 1), 3, None]
)
def test_what_is_no_box_is_refused(wrong):
    with pytest.raises(ConfigError, match="expected right, down, width > 0"):
        FaceBox.of(wrong)


def faces(folder, count):
    found = []
    for number in range(count):
        points = face_points((80 + number, 60), 40 + number)
        write_png(folder / f"{number}.png", paint([points]))
        found.append(Face(folder / f"{number}.png", points.astype(np.float32), np.ones(5, bool)))
    return found


def test_own_points_are_measured_where_a_detector_finds_faces(tmp_path):
    found = FaceBox.measured(faces(tmp_path, 10), FaceColourDetector())
    np.testing.assert_allclose(found, FACE, atol=0.03)


def test_too_few_faces_tell_nothing(tmp_path):
    assert FaceBox.measured(faces(tmp_path, 9), FaceColourDetector()) is None


def test_detections_elsewhere_are_not_measured(tmp_path):
    class Elsewhere:
        def detect(self, image):
            return Detections.of([[0, 0, 20, 20]], [1])

    assert FaceBox.measured(faces(tmp_path, 12), Elsewhere()) is None


def test_a_network_knows_where_its_points_lie_and_tells_it_in_plain_values():
    info = LandmarkInfo(SCHEME, 64, face=FACE)
    assert type(info.as_dict()["face"]) is list
    assert LandmarkInfo.of_dict(info.as_dict(), "net.pth") == info
    assert LandmarkInfo.of_metadata(info.as_metadata(), "net.onnx") == info


@pytest.mark.parametrize(("scheme", "width"), [("68", 1), ("98", 1), ("29", 0.755), (SCHEME, 1)])
def test_of_older_files_the_scheme_tells(scheme, width):
    older = LandmarkInfo(load_scheme(scheme), 64, face=FACE).as_metadata()
    del older["face"]
    assert LandmarkInfo.of_metadata(older, "net.onnx").face == FaceBox(width=width)


def test_a_scheme_without_lines_and_regions_is_known_by_its_points():
    bare = dataclasses.replace(load_scheme("29"), lines=(), regions={})
    assert LandmarkInfo(bare, 64).face == FaceBox(width=0.755)


def test_a_damaged_entry_is_refused():
    values = {**LandmarkInfo(SCHEME, 64).as_dict(), "face": [0, 0, 0, 0]}
    with pytest.raises(CheckpointError, match=r"in net\.pth, but found: expected right, down"):
        LandmarkInfo.of_dict(values, "net.pth")


def test_the_first_crop_of_a_detected_face_is_cut_around_its_points():
    points = face_points((80, 60), 40)
    image, face = paint([points]), FACE.to_face(box_of(points))
    crops = []
    network = landmarker(face=FACE)
    see = network.in_crops
    network.in_crops = lambda each: crops.append(each) or see(each)
    found = network.points(image, [face], 0, of_faces=True)
    network.points(image, [box_of(points)], 0)
    np.testing.assert_allclose(crops[0].astype(int), crops[1], atol=1)
    np.testing.assert_allclose(found[0], points, atol=0.3)


def test_a_network_of_both_boxes_gets_the_smallest_around_the_faces_and_the_points():
    info = LandmarkInfo(SCHEME, SIZE, box="union", face=FaceBox(0.0, 0.25, 0.5, 0.75))
    face, points = [0, 0, 100, 100], [25, 37.5, 75, 112.5]  # the middle is a quarter down, the height 0.75
    assert info.trained_box(face, of_face=True).tolist() == [0, 0, 100, 112.5]
    np.testing.assert_allclose(info.trained_box(points), [0, 0, 100, 112.5])


def test_a_network_of_both_boxes_is_asked_again():
    points = face_points((80, 60), 40)
    network = landmarker(face=FaceBox(), box="union")
    found = network.points(paint([points]), [[55, 35, 110, 90]], of_faces=True)
    assert network.calls == [1, 1]
    np.testing.assert_allclose(found[0], points, atol=0.3)


def test_a_network_of_annotated_boxes_gets_a_detectors_as_they_are():
    points = face_points((80, 60), 40)
    network = landmarker(face=FACE, box="annotated")
    image, face = paint([points]), FACE.to_face(box_of(points))
    np.testing.assert_array_equal(network.points(image, [face], of_faces=True), network.points(image, [face]))
