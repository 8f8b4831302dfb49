import numpy as np
import pytest
from landmark_sets import points, write_300w, write_face, write_image
from scipy.io import savemat

from common.errors import ConfigError, DataError
from common.landmark_files import read_300w, w300


@pytest.fixture
def root(tmp_path):
    return write_300w(tmp_path / "300W")


@pytest.fixture
def complete(monkeypatch):
    """Two faces in each folder are all that was published."""
    parts = {part: tuple(source._replace(count=2) for source in sources) for part, sources in w300._PARTS.items()}
    monkeypatch.setattr(w300, "_PARTS", parts)


def write_boxes(root, folder, names, shift=0.0):
    """The official boxes: a cell of structures."""
    cells = np.empty((1, len(names)), object)
    for place, name in enumerate(names):
        box = np.array([[1.0, 2.0, 31.0, 22.0]]) + place + shift
        cells[0, place] = {"imgName": name, "bb_detector": box, "bb_ground_truth": box + 100}
    (root / "Bounding Boxes").mkdir(exist_ok=True)
    savemat(root / "Bounding Boxes" / f"bounding_boxes_{folder}.mat", {"bounding_boxes": cells})


def test_training_faces_come_from_three_folders(root, complete, logged):
    assert [face.name for face in read_300w(root, "train")] == [
        "afw/134212_1",
        "afw/134212_2",
        "helen/trainset/100032540_1",
        "helen/trainset/10405146_1",
        "lfpw/trainset/image_0001",
        "lfpw/trainset/image_0002",
    ]
    assert not logged


def test_test_faces_have_their_subsets(root, complete):
    faces = read_300w(root, "test")
    assert [(face.name, face.subset) for face in faces] == [
        ("helen/testset/296814969_1", "common"),
        ("helen/testset/30427236_1", "common"),
        ("lfpw/testset/image_0001", "common"),
        ("lfpw/testset/image_0003", "common"),
        ("ibug/image_003_1", "challenging"),
        ("ibug/image_092 _01", "challenging"),
    ]
    assert faces[1].image.name == "30427236_1.JPG"


@pytest.mark.parametrize("inner", ["Test", "300W", "."])
def test_private_faces_are_found_in_their_folders(root, complete, inner):
    if inner != "Test":
        (root / inner).mkdir(exist_ok=True)
        for name in ("01_Indoor", "02_Outdoor"):
            (root / "Test" / name).rename(root / inner / name)
    faces = read_300w(root, "private")
    assert [(face.name, face.subset) for face in faces] == [
        ("01_Indoor/indoor_001", "indoor"),
        ("01_Indoor/indoor_002", "indoor"),
        ("02_Outdoor/outdoor_001", "outdoor"),
        ("02_Outdoor/outdoor_002", "outdoor"),
    ]


def test_points_are_counted_from_zero(root):
    # The third pair of files that `write_300w` writes is helen/trainset, drawn with seeds 2 and 3.
    face = read_300w(root, "train")[2]
    np.testing.assert_allclose(face.points, points(68, 2), atol=1e-5)
    assert face.points.dtype == np.float32
    assert face.visible.all()
    assert face.box is None


def test_folders_may_be_in_any_case(root, complete):
    (root / "helen" / "trainset").rename(root / "helen" / "TrainSet")
    (root / "afw").rename(root / "AFW")
    assert len(read_300w(root, "train")) == 6


def test_mirrored_copies_are_passed_over(root, complete, logged):
    write_face(root / "helen" / "trainset", "100032540_1_mirror", points(68), ".jpg")
    write_image(root / "helen" / "trainset" / "10405146_1_mirror.jpg")
    assert len(read_300w(root, "train")) == 6
    assert not logged


@pytest.mark.parametrize(
    ("part", "counts"),
    [
        ("train", [337, 2000, 811]),  # 3148
        ("test", [330, 224, 135]),  # 554 + 135
        ("private", [300, 300]),
    ],
)
def test_other_number_of_faces_than_published_is_told(root, logged, part, counts):
    read_300w(root, part)
    assert len(logged) == 1
    for count in counts:
        assert f"{count} in " in logged[0]
    assert logged[0].count("but found 2") == len(counts)


def test_published_numbers_are_those_of_the_papers():
    counts = {part: sum(source.count for source in sources) for part, sources in w300._PARTS.items()}
    assert counts == {"train": 3148, "test": 689, "private": 600}


def test_official_boxes_are_found_by_image(root, complete):
    # Their names lack the blank that a file of ibug has.
    write_boxes(root, "helen_testset", ["296814969_1.jpg", "30427236_1.jpg"])
    write_boxes(root, "lfpw_testset", ["image_0003.png", "image_0001.png"])
    write_boxes(root, "ibug", ["image_003_1.jpg", "image_092_01.jpg"])
    boxes = {face.name: face.box.tolist() for face in read_300w(root, "test", boxes=True)}
    assert boxes["helen/testset/296814969_1"] == [0, 1, 30, 21]
    assert boxes["lfpw/testset/image_0003"] == [0, 1, 30, 21]
    assert boxes["lfpw/testset/image_0001"] == [1, 2, 31, 22]
    assert boxes["ibug/image_092 _01"] == [1, 2, 31, 22]


def test_file_of_one_box_is_read(root, complete):
    for folder in ("helen_trainset", "lfpw_trainset", "afw"):
        write_boxes(root, folder, ["134212_1.jpg"])
    with pytest.raises(DataError, match=r"official box of .*134212_2\.jpg but found none in bounding_boxes_afw\.mat"):
        read_300w(root, "train", boxes=True)


def test_missing_and_malformed_box_files_are_refused(root, complete):
    with pytest.raises(DataError, match=r"bounding_boxes_afw\.mat in .* but found no such file"):
        read_300w(root, "train", boxes=True)
    path = root / "bounding_boxes_afw.mat"
    path.write_bytes(b"none of it")
    with pytest.raises(DataError, match=r"bounding_boxes of imgName and bb_detector in .*afw\.mat"):
        read_300w(root, "train", boxes=True)
    savemat(path, {"boxes": [1]})
    with pytest.raises(DataError, match=r"bounding_boxes of imgName and bb_detector in .*afw\.mat"):
        read_300w(root, "train", boxes=True)


def test_box_that_is_none_is_refused(root, complete):
    write_boxes(root, "afw", ["134212_1.jpg", "134212_2.jpg"], shift=np.nan)
    with pytest.raises(DataError, match=r"four finite numbers for the box of 134212_1 in .*afw\.mat"):
        read_300w(root, "train", boxes=True)


def test_missing_folder_is_refused_and_tells_what_is_there(root):
    (root / "ibug").rename(root / "ibug2")
    with pytest.raises(DataError, match=r"a folder ibug in .*300W.* there are Test, afw, helen, ibug2, lfpw"):
        read_300w(root, "test")
    with pytest.raises(DataError, match="found none at"):
        read_300w(root / "none", "test")


def test_image_without_points_is_refused_or_left_out(root, complete, logged):
    write_image(root / "ibug" / "image_100.jpg")
    with pytest.raises(DataError, match=r"1 images without points \(the first is .*image_100\.jpg\)"):
        read_300w(root, "test")
    assert len(read_300w(root, "test", skip_incomplete=True)) == 6
    assert len(logged) == 1


def test_points_in_other_formats_beside_the_published_ones_are_passed_over(root, complete):
    (root / "ibug" / "image_003_1.ljson").write_text("{}")
    assert len(read_300w(root, "test")) == 6


def test_points_of_another_scheme_are_refused(root):
    write_face(root / "ibug", "image_003_1", points(19), ".jpg")
    with pytest.raises(DataError, match=r"n_points: 68 but found 19 in .*image_003_1\.pts"):
        read_300w(root, "test")


def test_other_part_is_refused(root):
    with pytest.raises(ConfigError, match="'train', 'test', 'private' of 300W but found 'val'"):
        read_300w(root, "val")
