"""Sets of faces by their files: what they read, and which faces validate."""

import numpy as np
import pytest
from landmark_sets import (
    coco,
    points,
    wflw_line,
    write_300w,
    write_coco,
    write_cofw,
    write_image,
    write_scheme_of_three,
)
from mmengine.config import Config
from scipy.io import savemat
from small_faces import COUNTS, SCHEME, write_faces

from common.errors import ConfigError, DataError
from common.landmark_files import write_scheme
from tasks.landmarks.datasets import COFW, W300, WFLW, CocoFaces, DlibFaces, PTSFaces, TableFaces, build_dataset


def data(faces, part="train", **settings):
    return PTSFaces(str(faces), part, scheme=None, size=48, **settings)


def test_faces_of_an_xml_file_are_read(tmp_path):
    write_faces(tmp_path / "faces", {"train": 1})
    write_scheme(tmp_path / "scheme.json", SCHEME)
    parts = "".join(f"<part name='{number}' x='{number}' y='{2 * number}'/>" for number in range(5))
    (tmp_path / "train.xml").write_text(
        f"<dataset><images><image file='faces/train/0.png'><box top='0' left='0' width='9' height='9'>{parts}</box>"
        "</image></images></dataset>"
    )
    read = DlibFaces(str(tmp_path), "train.xml", str(tmp_path / "scheme.json"))
    assert read[0]["data_samples"].image_points.tolist() == [[number, 2 * number] for number in range(5)]


def test_a_runs_own_config_gives_the_faces_without_the_seeding(tmp_path):
    faces = {"type": "PTSFaces", "data_root": str(write_faces(tmp_path / "faces")), "scheme": None, "part": "train"}
    cfg = Config({"train_dataloader": {"dataset": {"type": "SeededDataset", "dataset": faces}}})
    assert len(build_dataset(cfg, "train").faces) == COUNTS["train"]


def test_a_folder_without_val_gives_a_share_of_train(tmp_path):
    root = write_faces(tmp_path / "data", {"train": 10, "test": 2})
    parts = {part: {face.name for face in data(root, part, val_share=0.3).faces} for part in ("train", "val")}
    assert len(parts["val"]) == 3
    assert not parts["val"] & parts["train"]


def write_people(root, people=5, frames=2):
    """A folder without val: frames of people, ``3_1`` for frame 1 of person 3."""
    write_faces(root, {"train": people * frames})
    for path in (root / "train").iterdir():
        person, frame = divmod(int(path.stem), frames)
        path.rename(path.with_name(f"{person}-{frame}{path.suffix}"))
    return root


def write_crowds(root, images=4, each=3):
    """A table of several faces in each image, a COCO file and an XML file of the same, and their scheme."""
    write_scheme_of_three(root / "three.json")
    table, content, boxes = ["image,x0,y0,x1,y1,x2,y2"], coco(images), []
    annotations = content["annotations"]
    for image in range(images):
        write_image(root / f"{image}.png", seed=image)
        for number in range(each):
            place = points(3, image * each + number)
            table.append(",".join([f"{image}.png", *map(str, place.ravel())]))
            boxes.append(
                f"<image file='{image}.png'><box top='0' left='0' width='9' height='9'>"
                + "".join(f"<part name='{part}' x='{x}' y='{y}'/>" for part, (x, y) in enumerate(place))
                + "</box></image>"
            )
    content["annotations"] = [{**annotations[number % images], "id": number} for number in range(images * each)]
    write_coco(root, content)
    (root / "faces.csv").write_text("\n".join(table))
    grouped = ["".join(boxes[image * each : (image + 1) * each]) for image in range(images)]
    grouped = [text.replace(f"</image><image file='{image}.png'>", "") for image, text in enumerate(grouped)]
    (root / "faces.xml").write_text(f"<dataset><images>{''.join(grouped)}</images></dataset>")
    return root


LISTED = [(TableFaces, "faces.csv"), (CocoFaces, "faces.json"), (DlibFaces, "faces.xml")]


def write_crowded_wflw(root):
    """Twelve training faces, three in each image."""
    lists = root / "WFLW_annotations" / "list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    for image in range(4):
        write_image(root / "WFLW_images" / f"{image}.jpg", seed=image)
    lines = [wflw_line(points(98, number), image=f"{number % 4}.jpg") for number in range(12)]
    (lists / "list_98pt_rect_attr_train.txt").write_text("".join(lines))
    return root


def assert_split(build, count):
    """Train and val have all faces between them, and no image both."""
    parts = {part: build(part).faces for part in ("train", "val")}
    names, images = ({part: {getattr(face, of) for face in parts[part]} for part in parts} for of in ("name", "image"))
    assert len(names["train"] | names["val"]) == len(parts["train"]) + len(parts["val"]) == count
    assert min(len(faces) for faces in parts.values()) > 0
    assert not images["train"] & images["val"]


@pytest.mark.parametrize(("kind", "file"), LISTED, ids=lambda value: getattr(value, "__name__", None))
def test_a_file_of_faces_may_be_split_by_images(tmp_path, kind, file):
    root = write_crowds(tmp_path)
    settings = {"data_root": str(root), "ann_file": file, "scheme": str(root / "three.json"), "val_share": 0.3}
    assert_split(lambda part: kind(part=part, **settings), 12)
    assert len(kind(**settings).faces) == 12
    held = {tuple(face.name for face in kind(part="val", split_seed=seed, **settings).faces) for seed in range(5)}
    assert len(held) > 1
    with pytest.raises(DataError, match="groups of faces"):
        kind(part="val", group="^()", **settings)  # all in one
    with pytest.raises(ConfigError, match=r"part 'train' or 'val', or none for all of faces.* but found 'test'"):
        kind(part="test", **settings)


def test_wflw_is_split_by_images(tmp_path):
    root = write_crowded_wflw(tmp_path)
    assert_split(lambda part: WFLW(str(root), part, val_share=0.3), 12)


@pytest.mark.parametrize("seed", range(3))
def test_frames_of_a_person_stay_together_where_names_tell_it(tmp_path, seed):
    root = write_people(tmp_path / "people")
    parts = [data(root, part, val_share=0.4, split_seed=seed, group=r"^(\d+)-").faces for part in ("train", "val")]
    people = [{face.name.split("-")[0] for face in part} for part in parts]
    assert [len(part) for part in parts] == [6, 4]
    assert not people[0] & people[1]


def test_every_set_that_splits_takes_groups(tmp_path):
    """The names that all match alike are one group, which cannot be split."""
    w300, cofw, wflw = write_300w(tmp_path / "w"), tmp_path / "c", write_crowded_wflw(tmp_path / "l")
    write_cofw(cofw, "train")
    for kind, root in ((W300, w300), (COFW, cofw), (WFLW, wflw)):
        assert len(kind(str(root), "val", val_share=0.5)) > 0
        with pytest.raises(DataError, match="groups of faces"):
            kind(str(root), "val", val_share=0.5, group="^()")


def test_incomplete_files_may_be_left_out(tmp_path):
    root = write_faces(tmp_path / "data")
    (root / "train" / "0.pts").unlink()
    with pytest.raises(DataError, match="leave them out with skip_incomplete=True"):
        data(root)
    assert len(data(root, skip_incomplete=True)) == COUNTS["train"] - 1
    w300 = write_300w(tmp_path / "w")
    (w300 / "ibug" / "image_003_1.pts").unlink()
    assert len(W300(str(w300), "test", skip_incomplete=True)) == 5
    wflw = write_crowded_wflw(tmp_path / "l")
    (wflw / "WFLW_images" / "0.jpg").unlink()
    assert len(WFLW(str(wflw), val_share=0, skip_incomplete=True)) == 9


@pytest.mark.parametrize(("kind", "file"), LISTED, ids=lambda value: getattr(value, "__name__", None))
def test_listed_faces_without_image_may_be_left_out(tmp_path, kind, file):
    root = write_crowds(tmp_path)
    (root / "0.png").unlink()
    with pytest.raises(DataError, match="leave such faces out with skip_incomplete=True"):
        kind(str(root), file, str(root / "three.json"))
    assert len(kind(str(root), file, str(root / "three.json"), skip_incomplete=True)) == 9


@pytest.mark.parametrize(("kind", "file"), LISTED, ids=lambda value: getattr(value, "__name__", None))
def test_files_that_count_pixels_from_1_can_say_so(tmp_path, kind, file):
    root = write_crowds(tmp_path)
    first, second = (kind(str(root), file, str(root / "three.json"), first_pixel=at).faces[0].points for at in (0, 1))
    np.testing.assert_allclose(first - second, 1, atol=1e-5)


def test_official_boxes_of_300w_are_read_where_crops_follow_them(tmp_path):
    root = write_300w(tmp_path)
    images = {
        "afw": ("134212_1.jpg", "134212_2.jpg"),
        "helen_trainset": ("100032540_1.jpg", "10405146_1.jpg"),
        "lfpw_trainset": ("image_0001.png", "image_0002.png"),
    }
    for folder, names in images.items():
        cells = np.empty((1, 2), object)
        for place, image in enumerate(names):
            box = np.array([[1.0, 2.0, 31.0, 22.0]])
            cells[0, place] = {"imgName": image, "bb_detector": box, "bb_ground_truth": box}
        savemat(root / f"bounding_boxes_{folder}.mat", {"bounding_boxes": cells})
    dataset = W300(str(root), val_share=0, box="annotated")
    assert [face.box.tolist() for face in dataset.faces] == [[0, 1, 30, 21]] * 6  # MATLAB counts from 1
    assert W300(str(root), val_share=0).faces[0].box is None


def test_real_faces_are_read(shared_data):
    dataset = PTSFaces(str(shared_data / "faces68"), "val", size=64)
    assert len(dataset) == 356
    sample = dataset[100]
    assert sample["inputs"].shape == (3, 64, 64)
    assert sample["data_samples"].gt_points.abs().max() < 0.5
