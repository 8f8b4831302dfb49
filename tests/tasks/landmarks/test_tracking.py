import numpy as np
import pytest
from painted_faces import FACE, ColourDetector, FaceColourDetector, face_points, landmarker, paint

from common.errors import ConfigError
from tasks.landmarks.crop import box_of
from tasks.landmarks.detector import Detections, FixedBoxes
from tasks.landmarks.smoothing import jitter
from tasks.landmarks.tracking import FaceTracker, Smoothing, overlap


def track(tracker, clip):
    """Faces of each frame of a clip, a list of lists of faces' points, at 30 frames a second."""
    return [tracker.step(paint(faces), frame, frame / 30) for frame, faces in enumerate(clip)]


def moving(count, speed=2.0, side=30.0):
    return [[face_points((40 + speed * frame, 60), side)] for frame in range(count)]


def test_a_moving_face_is_followed_by_its_points_and_looked_for_every_so_many_frames():
    detector = ColourDetector()
    clip = moving(25)
    found = track(FaceTracker(landmarker(), detector, detect_every=10), clip)
    assert [frame for frame, _, profile in detector.looks if not profile] == [0, 10, 20]
    for faces, true in zip(found, clip, strict=True):
        assert [face.track for face in faces] == [0]
        np.testing.assert_allclose(faces[0].points, true[0], atol=0.5)
    assert [faces[0].detected for faces in found[:11]] == [True] + 9 * [False] + [True]
    assert found[10][0].score == 1


def test_the_first_box_is_refined_by_its_points_and_later_ones_need_not_be():
    network = landmarker()
    track(FaceTracker(network, ColourDetector(), refine=2), moving(3))
    assert network.calls == [1, 1, 1, 1, 1]  # three for the first frame


def test_a_crop_is_cut_where_a_face_that_goes_on_moving_will_be():
    network, crops = landmarker(), []
    network.in_crops, see = lambda each: crops.append(each) or see(each), network.in_crops
    clip = moving(4, speed=6.0)
    track(FaceTracker(network, ColourDetector(), refine=0), clip)
    network.points(paint(clip[-1]), [box_of(clip[-1][0])], 0)
    network.points(paint(clip[-1]), [box_of(clip[-2][0])], 0)
    assert np.abs(crops[3].astype(int) - crops[4]).mean() < 5 < np.abs(crops[5].astype(int) - crops[4]).mean()


def test_a_face_that_comes_in_is_seen_at_the_next_search_and_one_that_goes_is_lost_at_once():
    first, second = face_points((40, 60), 30), face_points((120, 60), 30)
    clip = [[first]] * 3 + [[first, second]] * 12 + [[second]] * 5
    found = track(FaceTracker(landmarker(), ColourDetector(), detect_every=10), clip)
    assert [[face.track for face in faces] for faces in found] == ([[0]] * 10 + [[0, 1]] * 5 + [[1]] * 5)
    np.testing.assert_allclose(found[-1][0].points, second, atol=0.5)


def test_a_face_that_is_lost_and_comes_back_gets_a_new_number():
    here = [face_points((40, 60), 30)]
    detector = ColourDetector()
    found = track(FaceTracker(landmarker(), detector), [here] * 2 + [[]] * 3 + [here] * 2)
    assert [[face.track for face in faces] for faces in found] == [[0], [0], [], [], [], [1], [1]]
    searches = [frame for frame, _, profile in detector.looks if not profile]
    assert searches == [0, 2, 3, 4, 5]  # while there is none, in every frame


@pytest.mark.parametrize("blind", [(), range(1, 100)], ids=["seen", "seen in closer looks"])
def test_a_face_of_five_points_is_followed_where_a_detector_sees_whole_faces(blind):
    clip = moving(40, speed=1.0)
    detector = FaceColourDetector(blind)
    found = track(FaceTracker(landmarker(face=FACE), detector, detect_every=4), clip)
    assert [[face.track for face in faces] for faces in found] == [[0]] * 40
    np.testing.assert_allclose([faces[0].points for faces in found], [true[0] for true in clip], atol=0.5)
    closer = [size for frame, size, profile in detector.looks if profile]
    assert len(closer) == (1 if not blind else 10)
    # Two faces of 30 / 0.43 pixels, or what of that is in the picture; around the points alone it would be 60.
    assert all(min(size) > 100 for size in closer)


def test_a_new_face_of_five_points_is_cut_around_them():
    network, crops, points = landmarker(face=FACE), [], face_points((80, 60), 30)
    network.in_crops, see = lambda each: crops.append(each) or see(each), network.in_crops
    FaceTracker(network, FaceColourDetector(), refine=0).step(paint([points]), 0, 0.0)
    network.points(paint([points]), [box_of(points)], 0)
    assert np.abs(crops[0].astype(int) - crops[1]).mean() < 5


def test_a_face_that_the_detector_passes_over_three_times_is_gone():
    """Searches of the whole frame at 5, 10 and 15, each followed by a closer look, all of them blind."""
    detector = ColourDetector(sees=2)
    found = track(FaceTracker(landmarker(), detector, detect_every=5), moving(17, speed=0))
    assert [len(faces) for faces in found] == [1] * 15 + [0] * 2
    closer = 0
    assert [frame for frame, *_ in detector.looks] == [0, closer, 5, closer, 10, closer, 15, closer, 16]


def test_what_a_closer_look_does_not_show_is_no_new_face():
    detector = ColourDetector(blind=[0])
    detector.detect, see = (
        lambda image, frame=0, profile=True: see(image, frame + (not profile), profile),
        detector.detect,
    )
    found = track(FaceTracker(landmarker(), detector), moving(2))
    assert [len(faces) for faces in found] == [0, 0]
    assert len(detector.looks) == 4  # a whole frame and a closer look, twice


def test_a_face_seen_in_a_closer_look_stays():
    """The detector sees nothing in whole frames but the first, and the face in the part around it."""
    detector = ColourDetector(blind=range(1, 100))
    found = track(FaceTracker(landmarker(), detector, detect_every=2), moving(12, speed=0))
    assert [len(faces) for faces in found] == [1] * 12
    closer = [size for frame, size, profile in detector.looks if profile]
    assert all(60 <= side <= 63 for size in closer for side in size)  # the face's 30 pixels, and as many on each side
    assert len(closer) == 6  # at frames 0, 2, 4, 6, 8 and 10
    assert not any(profile for frame, size, profile in detector.looks if size == (120, 160))


def test_default_smoothing_leaves_a_quarter_of_the_jitter_at_rest_and_lags_little():
    """As `Smoothing` says: at 30 frames a second, errors of 1 %, and one size a second."""
    noise = np.random.default_rng(0).normal(0, 0.01, (300, 68, 2))
    for speed in (0, 1):
        truth = np.zeros_like(noise)
        truth[..., 0] = speed * np.arange(300)[:, None] / 30
        smooth = Smoothing().filter()
        found = np.stack([smooth(points, frame / 30) for frame, points in enumerate(truth + noise)])[60:]
        if speed == 0:
            assert jitter(found, truth[60:]) == pytest.approx(0.26 * 0.02, rel=0.1)
        else:
            assert (truth[60:] - found)[..., 0].mean() == pytest.approx(0.0065, rel=0.1)


def test_given_boxes_start_a_face_and_nobody_has_to_find_it_again():
    points = face_points((40, 60), 30)
    boxes = FixedBoxes({0: Detections.of([box_of(points)], [np.nan])})
    found = track(FaceTracker(landmarker(), boxes, detect_every=1), [[points]] * 10)
    assert [len(faces) for faces in found] == [1] * 10
    assert np.isnan(found[-1][0].score)


def test_two_boxes_of_one_face_are_one_face():
    points = face_points((80, 60), 30)
    box = box_of(points)
    boxes = FixedBoxes({0: Detections.of([box, box + 4], [1, 2])})
    assert len(track(FaceTracker(landmarker(), boxes), [[points]])[0]) == 1


def test_only_so_many_faces_are_followed_the_surest_first():
    clip = [[face_points((40, 60), 30), face_points((120, 60), 30)]] * 3
    found = track(FaceTracker(landmarker(), ColourDetector(), most=1, detect_every=1), clip)
    assert [[face.score for face in faces] for faces in found] == [[2], [2], [2]]
    np.testing.assert_allclose(found[2][0].points, clip[0][0], atol=0.5)


def test_smoothing_steadies_what_comes_out_and_not_what_is_followed():
    rng = np.random.default_rng(0)
    truth = [face_points((80, 60), 40)] * 60
    clip = [[points + rng.normal(0, 0.6, points.shape)] for points in truth]
    found = track(FaceTracker(landmarker(), ColourDetector(), smoothing=Smoothing()), clip)
    smooth, raw = (np.stack([getattr(faces[0], name) for faces in found])[20:] for name in ("points", "raw"))
    assert jitter(smooth, np.stack(truth)[20:]) < 0.6 * jitter(raw, np.stack(truth)[20:])
    plain = track(FaceTracker(landmarker(), ColourDetector()), clip)
    np.testing.assert_array_equal(np.stack([faces[0].points for faces in plain])[20:], raw)


@pytest.mark.parametrize("there", [True, False])
def test_a_face_that_looks_otherwise_at_once_is_looked_for_at_once(there):
    """A network that goes on telling points where the face was: the detector decides, three frames after the start."""
    points = face_points((80, 60), 30)
    clip = [paint([points])] * 3 + [255 - paint([points]) if there else paint()] * 2
    detector = ColourDetector()
    tracker = FaceTracker(Told([points] * 5), detector)
    assert [len(tracker.step(image, frame, frame / 30)) for frame, image in enumerate(clip)] == [1, 1, 1, there, there]
    assert 3 in [frame for frame, *_ in detector.looks]


class Told:
    """Gives the points of a script, whatever the image."""

    info = landmarker().info

    def __init__(self, script):
        self.script = iter(script)

    def points(self, image, boxes, refine=None, of_faces=False):
        return np.stack([next(self.script)]) if len(boxes) else np.empty((0, 5, 2))


def test_smoothing_does_not_depend_on_the_size_of_the_picture():
    steps = np.random.default_rng(1).normal(size=(10, 5, 2)).cumsum(axis=0)

    def smoothed(scale):
        script = [scale * (face_points((30, 30), 20) + step) for step in steps]
        boxes = FixedBoxes({0: Detections.of([[0, 0, 1, 1]], [1])})
        tracker = FaceTracker(Told(script), boxes, smoothing=Smoothing(1.0, 5.0))
        return np.stack([faces[0].points for faces in track(tracker, [[]] * 10)])

    np.testing.assert_allclose(smoothed(2.0), 2 * smoothed(1.0))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 1),
        ([0, 0, 2, 2], [1, 0, 3, 2], 1 / 3),
        ([0, 0, 2, 2], [2, 0, 4, 2], 0),
        ([0, 0, 1, 1], [5, 5, 6, 6], 0),
        ([1, 1, 1, 1], [1, 1, 1, 1], 0),
    ],
)
def test_overlap_is_intersection_over_union(first, second, expected):
    assert overlap(np.array(first, float), np.array(second, float)) == pytest.approx(expected)


@pytest.mark.parametrize("wrong", [{"detect_every": 0}, {"most": 0}])
def test_numbers_below_one_are_refused(wrong):
    with pytest.raises(ConfigError, match="of at least 1"):
        FaceTracker(landmarker(), ColourDetector(), **wrong)


@pytest.mark.parametrize("wrong", [{"min_cutoff": 0}, {"beta": -1}, {"min_cutoff": np.nan}])
def test_smoothing_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match="--min-cutoff above 0"):
        Smoothing(**wrong)
