import json

import numpy as np
import pytest

from common.errors import DataError
from common.image_files import read_image
from common.landmark_files.pts import read_pts
from tasks.landmarks import detector as module
from tasks.landmarks.crop import box_of, square_crop, stretched_crop
from tasks.landmarks.detector import Detections, FixedBoxes, HaarDetector, WholeImage, check_box, read_boxes

NOTHING = np.zeros((120, 160, 3), np.uint8)


class BrightSquares:
    """A cascade whose windows are the bounding boxes of what is white."""

    def __init__(self, finds=True):
        self.finds = finds

    def detectMultiScale2(self, grey, minSize, **_):  # noqa: N802
        self.least = minSize
        rows, columns = np.nonzero(grey > 200)
        if not (self.finds and len(rows)):
            return (), ()
        window = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        return np.array([window]), np.array([7])


def with_square(width, height, left, top, side):
    image = np.zeros((height, width, 3), np.uint8)
    image[top : top + side, left : left + side] = 255
    return image


def detector(frontal, profile=False):
    found = HaarDetector()
    found._frontal, found._profile = BrightSquares(frontal), BrightSquares(profile)
    return found


def expected_box(left, top, side, cascade, sign=1):
    middle = np.array([left, top]) + (side - 1) / 2 + side * np.array([sign * cascade.middle[0], cascade.middle[1]])
    half = side * np.array(cascade.size) / 2
    return [*(middle - half), *(middle + half)]


@pytest.mark.parametrize(("width", "zoom"), [(100, 1), (640, 1), (1280, 2), (2560, 4)])
def test_windows_become_landmark_boxes_in_the_images_own_pixels(width, zoom):
    """Small images get a border and large ones are searched smaller; neither may show in the boxes."""
    left, top, side = 20 * zoom, 30 * zoom, 40 * zoom
    found = detector(True).detect(with_square(width, 100 * zoom, left, top, side))
    np.testing.assert_allclose(found.boxes[0], expected_box(left, top, side, module.FRONTAL), atol=1e-9)
    assert found.scores.tolist() == [7]


def test_turned_faces_are_looked_for_both_ways_where_none_looks_at_the_viewer():
    image = with_square(640, 100, 20, 30, 40)
    found = detector(False, True).detect(image)
    sides = [expected_box(20, 30, 40, module.PROFILE, sign) for sign in (1, -1)]
    np.testing.assert_allclose(found.boxes, sides, atol=1e-9)
    assert len(detector(True, True).detect(image).boxes) == 1
    assert len(detector(False, True).detect(image, profile=False).boxes) == 0


@pytest.mark.parametrize(
    ("share", "width", "least"), [(0.05, 640, 32), (0.075, 640, 48), (0.1, 1280, 64), (0.1, 100, 32)]
)
def test_smallest_faces_are_a_share_of_the_image_and_no_less_than_32_pixels(share, width, least):
    found = HaarDetector(share)
    found._frontal = BrightSquares()
    found.detect(with_square(width, 90, 20, 30, 40))
    assert found._frontal.least == (least, least)


def test_an_image_without_faces_has_none():
    found = HaarDetector().detect(NOTHING)
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0,)


def test_boxes_of_real_faces_are_those_of_their_landmarks(shared_data):
    """Of faces that the calibration has not seen."""
    found, detect = [], HaarDetector()
    images = sorted((shared_data / "faces68" / "val").glob("*.jpg"))[::12]
    for path in images:
        box, boxes = box_of(read_pts(path.with_suffix(".pts"), 68)), detect.detect(read_image(path)).boxes
        if len(boxes):
            found.append((boxes[0] - box) / np.max(box[2:] - box[:2]))
    assert len(found) >= 0.95 * len(images)
    x0, y0, x1, y1 = np.median(found, axis=0)
    np.testing.assert_allclose([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0], 0, atol=0.04)


def test_detections_stand_in_the_order_of_their_scores():
    found = Detections.of([[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3]], [2, 5, 2])
    assert found.scores.tolist() == [5, 2, 2]
    assert found.boxes[:, 2].tolist() == [2, 1, 3]


def test_the_crop_around_a_whole_image_is_that_image():
    image = np.zeros((100, 100, 3), np.uint8)
    (box,) = WholeImage(0.25).detect(image).boxes
    matrix = square_crop(box, 100, 0.25)
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-12)


def test_the_crop_around_a_whole_oblong_image_holds_all_of_it():
    (box,) = WholeImage(0.25).detect(np.zeros((60, 100, 3), np.uint8)).boxes
    np.testing.assert_allclose(square_crop(box, 100, 0.25), [[1, 0, 0], [0, 1, 20]], atol=1e-12)


def test_a_stretched_crop_around_a_whole_image_is_that_image_stretched():
    (box,) = WholeImage(0.25, stretch=10).detect(np.zeros((50, 100, 3), np.uint8)).boxes
    np.testing.assert_allclose(stretched_crop(box, 100, 10), [[1, 0, 0], [0, 2, 0.5]], atol=1e-12)


def test_fixed_boxes_belong_to_their_frames():
    fixed = FixedBoxes({3: Detections.of([[1, 2, 3, 4]], [0.5])})
    assert fixed.detect(NOTHING, 3).boxes.tolist() == [[1, 2, 3, 4]]
    assert fixed.detect(NOTHING, 4).boxes.shape == (0, 4)


CSV = "image,x0,y0,x1,y1,score,frame\na.jpg,1,2,3,4.5,0.5,\na.jpg,10,20,30,40,0.9,\nclip.mp4,5,6,7,8,,12\n"
ROWS = [
    {"image": "a.jpg", "box": [1, 2, 3, 4.5], "score": 0.5},
    {"image": "a.jpg", "box": [10, 20, 30, 40], "score": 0.9},
    {"image": "clip.mp4", "box": [5, 6, 7, 8], "frame": 12},
]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_boxes_are_read_by_image_and_frame(tmp_path, kind):
    path = tmp_path / f"boxes.{kind}"
    path.write_text(CSV if kind == "csv" else json.dumps(ROWS))
    given = read_boxes(path)
    found = given.of("photos/a.jpg").detect(NOTHING)
    assert found.boxes.tolist() == [[10, 20, 30, 40], [1, 2, 3, 4.5]]
    assert found.scores.tolist() == [0.9, 0.5]
    clip = given.of("clip.mp4")
    assert clip.detect(NOTHING, 12).boxes.tolist() == [[5, 6, 7, 8]]
    assert np.isnan(clip.detect(NOTHING, 12).scores[0])
    assert len(clip.detect(NOTHING, 0).boxes) == len(given.of("b.jpg").detect(NOTHING).boxes) == 0


def test_the_longer_name_of_an_image_goes_first(tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"a.jpg": [[0, 0, 1, 1]], "two/a.jpg": [[0, 0, 2, 2]]}))
    given = read_boxes(path)
    assert given.of("x/two/a.jpg").detect(NOTHING).boxes[0, 2] == 2
    assert given.of("x/one/a.jpg").detect(NOTHING).boxes[0, 2] == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("b.csv", "image,x0,y0,x1,y1\na.jpg,5,0,5,9\n", r"x0 < x1 .*b\.csv \(box 1\)"),
        ("b.csv", "image,x0,y0,x1,y1\na.jpg,0,0,1,1\na.jpg,0,0,one,1\n", r"found \['0', '0', 'one', '1'\] .*\(box 2\)"),
        ("b.csv", "image,x0,y0,x1\na.jpg,0,0,1\n", "expected boxes .* found: KeyError"),
        ("b.csv", "file,x0,y0,x1,y1\na.jpg,0,0,1,1\n", "expected 'image' but found file"),
        ("b.csv", "image,x0,y0,x1,y1,score\na.jpg,0,0,1,1,good\n", "numbers as score and frame"),
        ("b.json", "[1]", "expected boxes"),
        ("b.json", "{", "expected boxes"),
        ("b.json", '[{"image": "a.jpg", "box": [0, 0, Infinity, 1]}]', "x0 < x1"),
    ],
)
def test_wrong_boxes_name_file_and_row(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_boxes(tmp_path / name)


def test_a_missing_file_of_boxes_is_named(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_boxes(tmp_path / "none.csv")


def test_a_box_needs_four_numbers():
    assert check_box(["1", 2, 3.5, 4], "--box") == [1, 2, 3.5, 4]
    with pytest.raises(DataError, match="in --box"):
        check_box([1, 2, 3], "--box")
