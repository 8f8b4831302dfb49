"""VOC's folders as COCO files, alone and joined."""

import json

import pytest
from box_sets import check_small_set, voc_annotation, voc_object, write_voc_set

from common.box_files import read_coco
from common.errors import DataError
from data_prep.det.voc_to_coco import convert, main


def test_converted_set_is_the_same_set(tmp_path):
    root = write_voc_set(tmp_path / "set")
    convert([root], ["train"])
    check_small_set(read_coco(root / "train.json", root / "JPEGImages"))


def test_real_blood_cells_are_all_there(shared_data, tmp_path):
    written = convert([shared_data / "bccd"], ["train", "test"], tmp_path)
    assert written["train"].counts() == {"Platelets": 209, "RBC": 2382, "WBC": 214}
    content = json.loads((tmp_path / "test.json").read_text())
    assert len(content["images"]) == 48
    assert len(content["annotations"]) == 659  # 568 + 46 + 45
    found = read_coco(tmp_path / "test.json", shared_data / "bccd" / "JPEGImages")
    assert found.counts() == written["test"].counts()


def test_parts_share_the_categories_of_all(tmp_path):
    root = write_voc_set(tmp_path / "set")
    voc_annotation(root, "c", voc_object("bird"))
    (root / "ImageSets" / "Main" / "val.txt").write_text("c\n")
    (root / "ImageSets" / "Main" / "train.txt").write_text("a\nb\n")
    for part in convert([root], ["train", "val"]).values():
        assert part.classes == ("bird", "cat", "dog")


def test_sets_are_joined_and_their_pictures_found_from_the_folder_in_common(tmp_path):
    for name in ("VOC2007", "VOC2012"):
        write_voc_set(tmp_path / "VOCdevkit" / name)
    convert([tmp_path / "VOCdevkit" / name for name in ("VOC2007", "VOC2012")], ["train"], tmp_path / "joined")
    found = read_coco(tmp_path / "joined" / "train.json", tmp_path / "VOCdevkit")
    assert len(found.images) == 6
    assert found.images[3].name == "VOC2012/JPEGImages/a"
    assert found.counts() == {"cat": 2, "dog": 2}


def test_one_set_twice_is_refused(tmp_path):
    root = write_voc_set(tmp_path / "set")
    with pytest.raises(DataError, match="the same pictures twice"):
        convert([root, root], ["train"])
    assert not (root / "train.json").exists()


def test_files_are_replaced_only_with_force(tmp_path, capsys):
    root = write_voc_set(tmp_path / "set")
    assert main([str(root), "--parts", "train"]) == 0
    assert "train.json: 3 pictures, boxes: cat 1, dog 1" in capsys.readouterr().out
    assert main([str(root), "--parts", "train"]) == 2
    assert "train.json; name another, or replace it with --force" in capsys.readouterr().err
    assert main([str(root), "--parts", "train", "--force", "--classes", "pet", "--rename", "cat=pet", "dog=pet"]) == 0
    assert "boxes: pet 2" in capsys.readouterr().out


def test_renaming_that_is_none_is_refused(tmp_path, capsys):
    assert main([str(tmp_path), "--parts", "train", "--rename", "cat"]) == 2
    assert "expected --rename OLD=NEW but found 'cat'" in capsys.readouterr().err
