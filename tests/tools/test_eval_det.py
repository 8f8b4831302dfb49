import csv
import json
import runpy

import tasks.det  # noqa: F401 - puts operators in place

# isort: split
import numpy as np
import pytest
import torch
from conftest import ROOT
from mmdet.registry import MODELS
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from PIL import Image

evaluate = runpy.run_path(str(ROOT / "tools" / "eval_det.py"))["main"]

CONFIG = """
default_scope = 'mmdet'
model = dict(
    type='BoxesOfWeights',
    data_preprocessor=dict(type='DetDataPreprocessor', mean=[0.0] * 3, std=[1.0] * 3),
    bbox_head=dict(num_classes=2))
_pipeline = [
    dict(type='CheckedImage'),
    dict(type='Resize', scale=(32, 24), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))]
_classes = dict(classes=('cell', 'dust'), palette=[(200, 0, 0), (0, 0, 200)])
val_dataloader = dict(dataset=dict(
    type='CocoBoxes', data_root={root!r}, ann_file='val.json', data_prefix=dict(img='images'), metainfo=_classes,
    test_mode=True, pipeline=_pipeline))
test_dataloader = dict(dataset=dict(
    type='CocoBoxes', data_root={root!r}, ann_file='test.json', data_prefix=dict(img='images'), metainfo=_classes,
    test_mode=True, pipeline=_pipeline))
"""
CELL, DUST = [4, 4, 20, 20], [40, 10, 20, 20]  # corner, width, height


@MODELS.register_module(force=True)
class BoxesOfWeights(BaseModel):
    """Finds the same boxes in every image: its weights, ``[k, 6]`` with x1 y1 x2 y2 score label."""

    def __init__(self, bbox_head, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.found = torch.nn.Parameter(torch.zeros(2, 6))
        self.layer = torch.nn.Conv2d(3, 1, 1, bias=False)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        self.layer(inputs)
        for sample in data_samples:
            found = self.found[self.found[:, 4] > 0]
            sample.pred_instances = InstanceData(bboxes=found[:, :4], scores=found[:, 4], labels=found[:, 5].long())
        return data_samples


@pytest.fixture
def data_root(tmp_path):
    """Two test images and one for validation, 64x48, with a cell and a dust each."""
    root = tmp_path / "cells"
    (root / "images").mkdir(parents=True)
    for split, names in (("test", ("t0", "t1")), ("val", ("v0",))):
        record = {"images": [], "annotations": [], "categories": [{"id": 3, "name": "cell"}, {"id": 5, "name": "dust"}]}
        for number, name in enumerate(names, start=1):
            Image.fromarray(np.full((48, 64, 3), 190, np.uint8)).save(root / "images" / f"{name}.png")
            record["images"].append({"id": number, "file_name": f"{name}.png", "width": 64, "height": 48})
            for box, category in ((CELL, 3), (DUST, 5)):
                place = {"id": len(record["annotations"]) + 1, "image_id": number, "category_id": category}
                record["annotations"].append({**place, "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
        (root / f"{split}.json").write_text(json.dumps(record))
    return root


@pytest.fixture
def make_network(tmp_path, data_root):
    """Writes a config, and a checkpoint whose network finds given boxes (corner, width, height, label)."""

    def make(name, *boxes):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.py").write_text(CONFIG.format(root=str(data_root)))
        found = torch.zeros(2, 6)
        for place, (x, y, width, height, label) in enumerate(boxes):
            found[place] = torch.tensor([x, y, x + width, y + height, 0.9, label])
        torch.save({"state_dict": {"found": found, "layer.weight": torch.ones(1, 3, 1, 1)}}, folder / "last.pth")
        return [str(folder / "config.py"), str(folder / "last.pth")]

    return make


@pytest.fixture
def run(tmp_path):
    """Runs the command without pictures and timing, and returns what it wrote."""

    def run(arguments, status=0):
        out = tmp_path / "out"
        options = ["--out", str(out), "--device", "cpu", "--pictures", "0", "--rounds", "0"]
        assert evaluate([*arguments, *options]) == status
        return json.loads((out / "evaluation.json").read_text(encoding="utf-8")) if status == 0 else out

    return run


def test_two_networks_side_by_side_give_the_scores_of_their_boxes(make_network, tmp_path, capsys):
    out = tmp_path / "out"
    networks = [*make_network("plain", (*CELL, 0)), *make_network("acam", (*CELL, 0), (*DUST, 1))]
    assert evaluate([*networks, "--out", str(out), "--device", "cpu", "--pictures", "1", "--rounds", "1"]) == 0
    record = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))["networks"]
    assert [record[name]["scores"]["AP"] for name in ("plain", "acam")] == pytest.approx([50, 100])
    assert record["plain"]["errors"]["gains"]["missed"] == pytest.approx(50)
    assert record["acam"]["parameters"] == 2 * 6 + 3
    # The network sees 64x48 at half its size; each pixel takes three multiply-accumulates.
    assert (record["acam"]["macs"], record["acam"]["size"]) == (24 * 32 * 3, [24, 32])
    assert record["acam"]["latency_ms"]["p50"] > 0
    rows = {row["class"]: row for row in csv.DictReader((out / "per_class.csv").open(encoding="utf-8"))}
    assert float(rows["dust"]["acam - plain"]) == pytest.approx(100)
    assert sorted(path.name for path in (out / "pictures").iterdir()) == ["00_t0.png", "only_last.png"]
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("100.00", "acam - plain", "missed", "GMACs", "index.html"))


def test_report_keeps_no_folder_of_the_machine_and_names_its_sources(make_network, run, tmp_path):
    record = run(make_network("plain", (*CELL, 0)))
    source = record["provenance"]["networks"]["plain"]
    assert source["checkpoint"].endswith("last.pth")
    assert len(source["weights"]) == 64
    assert str(tmp_path) not in json.dumps(record)


def test_split_limit_and_names_are_taken(make_network, run):
    network = make_network("plain", (*CELL, 0))
    for arguments, images in ((["--split", "val"], ["v0.png"]), (["--limit", "1"], ["t0.png"])):
        found = run([*network, "--names", "mine", *arguments])["networks"]["mine"]
        assert [image["name"] for image in found["images"]] == images


def test_data_root_reaches_the_config(make_network, run, tmp_path, data_root):
    network = make_network("plain", (*CELL, 0))
    moved = data_root.rename(tmp_path / "moved")
    run(network, status=2)
    assert run([*network, "--data-root", str(moved)])["networks"]["plain"]["scores"]["AP"] == pytest.approx(50)


def test_networks_with_different_images_are_refused(make_network, run, tmp_path, capsys):
    plain, other = make_network("plain", (*CELL, 0)), make_network("other", (*CELL, 0))
    config = tmp_path / "other" / "config.py"
    config.write_text(config.read_text().replace("test.json", "val.json"))
    assert not run([*plain, *other], status=2).exists()
    assert "same test images" in capsys.readouterr().err


def test_a_missing_image_is_named_and_nothing_is_written(make_network, run, data_root, capsys):
    (data_root / "images" / "t1.png").unlink()
    assert not run(make_network("plain", (*CELL, 0)), status=2).exists()
    assert "t1.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.py"], "expected pairs of CONFIG CHECKPOINT but found 1 files"),
        (["a.py", "a.pth", "--names", "x", "y"], "expected 1 different --names but found x, y"),
        (["a.py", "a.pth", "a.py", "b.pth", "--names", "x", "x"], "expected 2 different --names"),
        (["a.py", "a.pth", "--limit", "0"], "--limit of at least 1"),
        (["a.py", "a.pth", "--rounds", "-1"], "--rounds of at least 0"),
    ],
)
def test_command_line_that_does_not_fit_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        evaluate(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
