"""Classes and stratified shares of sets in every layout."""

import numpy as np
import pytest
from box_sets import picture, write_coco_set, write_table_set, write_voc_set

from common.box_files import BoxSet, LabelledImage, read_coco, read_voc
from common.errors import ConfigError, DataError
from data_prep.det.subset import main, make_subset, split_set, stratified


def labelled(folder, labels_of_images):
    """A set of pictures that have boxes of some labels."""
    images = []
    for number, labels in enumerate(labels_of_images):
        count = len(labels)
        boxes = np.tile(np.array([0, 0, 4, 4], np.float32), (count, 1))
        file = picture(folder / f"{number}.png", (8, 8))
        flags = np.zeros(count, bool)
        images.append(
            LabelledImage(file, str(number), 8, 8, boxes, np.array(labels, np.int64), flags, tuple(range(count)))
        )
    return BoxSet(("a", "b", "c"), images)


def presence(shares, rows=400, seed=0):
    return np.random.default_rng(seed).random((rows, len(shares))) < shares


@pytest.mark.parametrize("count", [40, 133, 360])
@pytest.mark.parametrize("seed", range(3))
def test_draw_has_the_share_of_each_column(count, seed):
    """At random a column of 12 rows would keep 1.2 +- 1 of them."""
    columns = presence([0.6, 0.25, 0.1, 0.03], seed=seed)
    drawn = stratified(columns, count, seed)
    assert drawn.sum() == count
    expected = columns.sum(axis=0) * count / len(columns)
    np.testing.assert_array_less(np.abs(columns[drawn].sum(axis=0) - expected), np.maximum(1.01, 0.06 * expected))


def test_rarest_column_is_neither_lost_nor_used_up():
    columns = np.zeros((100, 2), bool)
    columns[:, 0] = True
    columns[:4, 1] = True
    for seed in range(5):
        assert columns[stratified(columns, 50, seed), 1].sum() == 2


def test_seed_decides_the_draw():
    columns = presence([0.5, 0.2])
    one, again, other = (stratified(columns, 50, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_drawn_and_others_are_the_whole_set(tmp_path):
    box_set = labelled(tmp_path, [[0], [0, 1], [], [1], [2, 2], [], [0], [2]])
    drawn, others = split_set(box_set, 4, seed=0)
    assert sorted(drawn.image_ids + others.image_ids) == list(range(1, 9))
    assert drawn.image_ids == sorted(drawn.image_ids)
    assert sum(not len(image.labels) for image in drawn.images) == 1  # of two without boxes
    assert sum(2 in image.labels for image in drawn.images) == 1
    with pytest.raises(ConfigError, match="count of 1 to 8 pictures but found 9"):
        split_set(box_set, 9, seed=0)


def test_classes_are_kept_with_the_pictures_that_have_them(tmp_path):
    source = write_coco_set(tmp_path)
    make_subset(source, tmp_path / "cats.json", classes=["cat"])
    found = read_coco(tmp_path / "cats.json", tmp_path)
    assert found.classes == ("cat",)
    assert found.image_ids == [1]
    make_subset(source, tmp_path / "all.json", classes=["cat"], keep_empty=True)
    assert len(read_coco(tmp_path / "all.json", tmp_path).images) == 3


@pytest.mark.parametrize(
    ("write", "options"), [(write_coco_set, {}), (write_table_set, {}), (write_voc_set, {"part": "train"})]
)
def test_every_layout_is_read(tmp_path, write, options):
    (written,) = make_subset(write(tmp_path / "set"), tmp_path / "some.json", count=2, **options).values()
    folder = tmp_path / "set" / ("JPEGImages" if options else "")
    found = read_coco(tmp_path / "some.json", folder)
    assert [image.file for image in found.images] == [image.file for image in written.images]
    assert len(found.images) == 2


def test_blood_cells_keep_their_mixture(shared_data, tmp_path):
    small, rest = tmp_path / "small.json", tmp_path / "rest.json"
    sets = make_subset(shared_data / "bccd", small, part="train", share=0.2, rest=rest)
    assert [len(box_set.images) for box_set in sets.values()] == [41, 164]
    whole = read_voc(shared_data / "bccd", "train")
    for name in whole.classes:
        with_class = [
            sum(whole.classes.index(name) in image.labels for image in box_set.images)
            for box_set in (sets[small], whole)
        ]
        assert abs(with_class[0] - 0.2 * with_class[1]) <= 1, name


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"count": 1, "share": 0.5}, ConfigError, "a count or a share but found both"),
        ({"share": 1.5}, ConfigError, r"share between 0 and 1 but found 1\.5"),
        ({"rest": "rest.json"}, ConfigError, "to have a rest but found neither"),
        ({"part": "train", "count": 1}, ConfigError, "a folder in VOC's layout for --part train"),
        ({"classes": ["bird"]}, DataError, "none for 'bird'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path, options, error, message):
    source = write_coco_set(tmp_path / "set")
    with pytest.raises(error, match=message):
        make_subset(source, tmp_path / "some.json", **options)
    assert not (tmp_path / "some.json").exists()


def test_source_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"a COCO file \(\.json\), a table .* but found .*a\.txt"):
        make_subset(tmp_path / "a.txt", tmp_path / "some.json")
    with pytest.raises(ConfigError, match=r"the part of .* to read but found none"):
        make_subset(tmp_path, tmp_path / "some.json")


def test_command_line_writes_both_parts_and_never_over_files(tmp_path, capsys):
    source = str(write_coco_set(tmp_path))
    arguments = [source, "--out", str(tmp_path / "a.json"), "--rest", str(tmp_path / "b.json"), "--count", "2"]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "a.json: 2 pictures" in told
    assert "b.json: 1 pictures" in told
    assert main(arguments) == 2
    assert "expected to write a new file but found" in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0
