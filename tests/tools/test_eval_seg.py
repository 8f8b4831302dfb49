import csv
import json
import runpy

import numpy as np
import pytest
import torch
from conftest import ROOT
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from PIL import Image

from common.palettes import CAMVID_CLASSES

evaluate = runpy.run_path(str(ROOT / "tools" / "eval_seg.py"))["main"]

CONFIG = """
default_scope = 'mmseg'
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[120.0] * 3, std=[60.0] * 3, bgr_to_rgb=True),
    backbone=dict(
        type='ResNetV1c', depth=18, base_channels=4, num_stages=2, out_indices=(1, ), strides=(1, 2), dilations=(1, 1)),
    decode_head=dict(
        type='FCNHead', in_channels=8, in_index=0, channels=4, num_convs=1, concat_input=False, num_classes=11,
        norm_cfg=dict(type='BN')),
    test_cfg=dict(mode='whole'))
_pipeline = [
    dict(type='CheckedImage'),
    dict(type='Resize', scale=(32, 24), keep_ratio=True),
    dict(type='CheckedAnnotations'),
    dict(type='PackSegInputs')]
val_dataloader = dict(dataset=dict(type='CamVidDataset', data_root={root!r}, split='val', pipeline=_pipeline))
test_dataloader = dict(dataset=dict(type='CamVidDataset', data_root={root!r}, split='test', pipeline=_pipeline))
"""
ROAD, SKY = CAMVID_CLASSES.index("Road"), CAMVID_CLASSES.index("Sky")


@pytest.fixture
def data_root(tmp_path):
    """Two test frames and one for validation: the upper quarter sky, the rest road, void at the left."""
    root = tmp_path / "camvid"
    labels = np.full((48, 64), ROAD, np.uint8)
    labels[:12] = SKY
    labels[:, :4] = 11
    for split, names in (("test", ("t0", "t1")), ("val", ("v0",))):
        (root / split).mkdir(parents=True)
        (root / f"{split}annot").mkdir()
        for name in names:
            Image.new("RGB", (64, 48), (90, 120, 150)).save(root / split / f"{name}.png")
            Image.fromarray(labels).save(root / f"{split}annot" / f"{name}.png")
        lines = [f"{split}/{name}.png {split}annot/{name}.png" for name in names]
        (root / f"{split}.txt").write_text("\n".join(lines))
    return root


@pytest.fixture
def make_network(tmp_path, data_root):
    """Writes a config, and a checkpoint whose network sees one class everywhere."""

    def make(label, name):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.py").write_text(CONFIG.format(root=str(data_root)))
        init_default_scope("mmseg")
        built = MODELS.build(Config.fromfile(folder / "config.py").model)
        torch.nn.init.zeros_(built.decode_head.conv_seg.weight)
        built.decode_head.conv_seg.bias.data = torch.eye(11)[label]
        torch.save({"state_dict": built.state_dict()}, folder / "last.pth")
        return [str(folder / "config.py"), str(folder / "last.pth")]

    return make


def test_two_networks_side_by_side_give_the_scores_of_their_areas(make_network, tmp_path, capsys):
    out = tmp_path / "out"
    networks = [*make_network(SKY, "plain"), *make_network(ROAD, "bpkd")]
    assert evaluate([*networks, "--out", str(out), "--device", "cpu", "--pictures", "1"]) == 0
    record = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    scores = {name: found["scores"] for name, found in record["networks"].items()}
    # A quarter of the labelled pixels is sky, and the union of either class with the whole frame is the frame.
    assert scores["plain"]["mIoU"] == pytest.approx(12.5)
    assert scores["bpkd"]["mIoU"] == pytest.approx(37.5)
    assert scores["bpkd"]["aAcc"] == pytest.approx(75)
    # Within 1 pixel of the boundary half of the pixels is road.
    assert scores["bpkd"]["trimap_IoU"]["1"] == pytest.approx(25)
    rows = {row["class"]: row for row in csv.DictReader((out / "per_class.csv").open(encoding="utf-8"))}
    assert float(rows["Road"]["bpkd - plain"]) == pytest.approx(75)
    assert rows["Car"]["bpkd"] == ""
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("37.50", "75.00", "bpkd - plain", "index.html"))


def test_report_keeps_no_folder_of_the_machine_and_names_its_sources(make_network, tmp_path):
    out = tmp_path / "out"
    assert evaluate([*make_network(ROAD, "plain"), "--out", str(out), "--device", "cpu", "--pictures", "1"]) == 0
    text = (out / "evaluation.json").read_text(encoding="utf-8")
    source = json.loads(text)["provenance"]["networks"]["plain"]
    assert source["checkpoint"].endswith("last.pth")
    assert len(source["weights"]) == 64
    assert str(tmp_path) not in text
    assert str(tmp_path) not in (out / "index.html").read_text(encoding="utf-8")
    assert len(list((out / "pictures").iterdir())) == 2


def test_split_limit_and_names_are_taken(make_network, tmp_path):
    out = tmp_path / "out"
    options = ["--out", str(out), "--device", "cpu", "--pictures", "0"]
    network = make_network(ROAD, "plain")
    for arguments, frames in ((["--split", "val"], ["v0.png"]), (["--limit", "1"], ["t0.png"])):
        assert evaluate([*network, "--names", "mine", *arguments, *options]) == 0
        record = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
        assert [frame["name"] for frame in record["networks"]["mine"]["frames"]] == frames


def test_config_options_and_data_root_reach_the_config(make_network, tmp_path, data_root):
    network = make_network(ROAD, "plain")
    moved = data_root.rename(tmp_path / "moved")
    options = ["--out", str(tmp_path / "out"), "--device", "cpu", "--pictures", "0", "--limit", "1"]
    assert evaluate([*network, *options]) == 2
    assert evaluate([*network, *options, "--data-root", str(moved)]) == 0
    assert evaluate([*network, *options, "--cfg-options", f"test_dataloader.dataset.data_root={moved}"]) == 0


def test_networks_with_different_images_are_refused(make_network, tmp_path, capsys):
    plain, other = make_network(ROAD, "plain"), make_network(ROAD, "other")
    config = tmp_path / "other" / "config.py"
    config.write_text(config.read_text().replace("split='test'", "split='val'"))
    assert evaluate([*plain, *other, "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    assert "same test images" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_data_is_named_and_nothing_is_written(make_network, tmp_path, data_root, capsys):
    network = make_network(ROAD, "plain")
    (data_root / "testannot" / "t1.png").unlink()
    assert evaluate([*network, "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    assert "t1.png" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.py"], "expected pairs of CONFIG CHECKPOINT but found 1 files"),
        (["a.py", "a.pth", "--names", "x", "y"], "expected 1 different --names but found x, y"),
        (["a.py", "a.pth", "a.py", "b.pth", "--names", "x", "x"], "expected 2 different --names"),
        (["a.py", "a.pth", "--limit", "0"], "--limit of at least 1"),
    ],
)
def test_command_line_that_does_not_fit_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        evaluate(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
