"""What is said about data that is not there, before anything is built."""

import pytest
from mmengine.config import Config

from common.errors import DataError
from tasks.seg.data_check import check_data


def config(dataset, part="train"):
    return Config({f"{part}_dataloader": {"dataset": dataset}})


CITYSCAPES = {"type": "CityscapesDataset", "data_prefix": {"img_path": "leftImg8bit/train"}}


def test_missing_cityscapes_is_three_lines_what_where_and_how(tmp_path):
    root = tmp_path / "cityscapes"
    with pytest.raises(DataError) as raised:
        check_data(config({**CITYSCAPES, "data_root": str(root)}))
    what, where, how = str(raised.value).splitlines()
    assert what.startswith(f"expected Cityscapes train images in {root}/leftImg8bit/train but there is no such folder")
    assert "--data-root" in what
    assert "https://www.cityscapes-dataset.com" in where
    assert f"python data_prep/seg/cityscapes.py {root}" in how
    assert "configs/seg/bpkd_deeplab_mini.py" in how


def test_missing_camvid_names_its_preparation(tmp_path):
    with pytest.raises(DataError, match=r"python data_prep/seg/camvid\.py FOLDER_OF_THE_DOWNLOAD --out .*/camvid"):
        check_data(config({"type": "CamVidDataset", "data_root": str(tmp_path / "camvid")}))


@pytest.mark.parametrize(
    ("kind", "script"), [("ADE20KDataset", "ade20k.py"), ("PascalContextDataset59", "pascal_context.py")]
)
def test_missing_sets_of_bpkds_tables_name_their_preparation(tmp_path, kind, script):
    with pytest.raises(DataError, match=rf"python data_prep/seg/{script} {tmp_path}/set"):
        check_data(config({"type": kind, "data_root": str(tmp_path / "set")}))


def test_missing_generated_data_names_the_generator(tmp_path):
    root = tmp_path / "synthetic_street"
    with pytest.raises(
        DataError, match=rf"it is generated\nprepare it: python data_prep/seg/synthetic\.py --out {root}$"
    ):
        check_data(config({"type": "CamVidDataset", "data_root": str(root)}))


def test_data_is_called_generated_by_what_the_generator_leaves(tmp_path):
    (tmp_path / "synthetic.json").write_text("{}")
    (tmp_path / "train").mkdir()
    dataset = {"type": "CamVidDataset", "data_root": str(tmp_path), "data_prefix": {"img_path": "train"}}
    with pytest.raises(DataError, match="it is generated"):
        check_data(config(dataset))


@pytest.mark.parametrize(
    ("dataset", "name"),
    [(CITYSCAPES, "street_scenes"), (CITYSCAPES, "synthetic_street"), ({"type": "CamVidDataset"}, "street_scenes")],
)
def test_a_folder_of_streets_is_not_called_generated(tmp_path, dataset, name):
    with pytest.raises(DataError) as raised:
        check_data(config({**dataset, "data_root": str(tmp_path / name)}))
    assert "generated" not in str(raised.value)
    assert "prepare it: " in str(raised.value)


def test_missing_data_of_another_kind_says_how_to_point_elsewhere(tmp_path):
    with pytest.raises(DataError, match=r"expected val images in .*/ade but there is no such folder; set data_root"):
        check_data(config({"type": "LoveDADataset", "data_root": str(tmp_path / "ade")}, "val"))


def test_empty_folder_is_called_empty(tmp_path):
    (tmp_path / "leftImg8bit" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match="leftImg8bit/train but the folder is empty"):
        check_data(config({**CITYSCAPES, "data_root": str(tmp_path)}))


@pytest.mark.parametrize("wrapper", ["dataset", "datasets"])
def test_data_sets_inside_wrappers_are_checked(tmp_path, wrapper):
    inner = {**CITYSCAPES, "data_root": str(tmp_path / "cityscapes")}
    dataset = {"type": "Wrapper", wrapper: inner if wrapper == "dataset" else [inner]}
    with pytest.raises(DataError, match="Cityscapes train images"):
        check_data(config(dataset))


def test_data_that_is_there_passes(tmp_path, small_camvid):
    check_data(config({"type": "CamVidDataset", "data_root": str(small_camvid)}))
    folder = tmp_path / "leftImg8bit" / "train"
    (folder / "aachen").mkdir(parents=True)
    check_data(config({**CITYSCAPES, "data_root": str(tmp_path)}))


def test_only_the_parts_asked_for_are_checked(tmp_path):
    cfg = config({"type": "CamVidDataset", "data_root": str(tmp_path / "none")}, "test")
    check_data(cfg)
    with pytest.raises(DataError, match="test images"):
        check_data(cfg, ("test",))
