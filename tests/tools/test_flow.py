"""Optical flow of a config's clips, computed ahead of training from the command line."""

import runpy

import cv2
import numpy as np
import pytest
from conftest import ROOT

main = runpy.run_path(str(ROOT / "tools" / "flow.py"))["main"]

CONFIG = """
default_scope = 'mmseg'
custom_imports = dict(imports=['tasks.seg'])
camvid = dict(type='CamVidDataset', data_root={root!r}, serialize_data=False)
def_ = dict(type='DISFlow', preset='ultrafast', cache={cache!r})
steps = [dict(type='CheckedImage'), dict(type='LoadNeighbours', flow={flow}), dict(type='PackClip')]
clips = dict(type='ClipDataset', serialize_data=False, pipeline=steps)
train_dataloader = dict(dataset=dict(type='RepeatDataset', times=2, dataset=dict(
    dataset=dict(split='train', **camvid), views=dict(next=[-1, 1]), **clips)))
val_dataloader = dict(dataset=dict(dataset=dict(split='val', **camvid), views=dict(next=1), **clips))
test_dataloader = dict(dataset=dict(split='test', **camvid))
"""


@pytest.fixture
def make_config(tmp_path):
    """Writes CamVid in small, a train clip of four frames and a val clip of three, and a config that reads it."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 3)):
        names = [f"clip_{number:02d}" for number in range(count)]
        for folder in (split, f"{split}annot"):
            (tmp_path / "data" / folder).mkdir(parents=True)
            for name in names:
                picture = rng.integers(0, 11, (24, 32, 3), np.uint8)
                cv2.imwrite(str(tmp_path / "data" / folder / f"{name}.png"), picture)
        lines = [f"{split}/{name}.png {split}annot/{name}.png\n" for name in names]
        (tmp_path / "data" / f"{split}.txt").write_text("".join(lines))

    def make(flow="def_", root="data"):
        path = tmp_path / "config.py"
        settings = {"root": str(tmp_path / root), "cache": str(tmp_path / "flow"), "flow": flow}
        path.write_text(CONFIG.format(**settings))
        return str(path)

    return make


def kept(tmp_path):
    return len(list((tmp_path / "flow").rglob("*.png")))


def test_flow_of_all_splits_that_keep_it_is_computed_and_pairs_are_told(make_config, tmp_path, capsys):
    assert main([make_config(), "--threads", "2"]) == 0
    # four frames: three pairs in both directions; three frames: two pairs
    folder = tmp_path / "flow"
    shown = capsys.readouterr().out
    assert f"train: flow of 6 pairs of frames in {folder}\nval: flow of 2 pairs of frames in {folder}\n" in shown
    assert kept(tmp_path) == 8


def test_splits_can_be_chosen_and_the_data_may_lie_elsewhere(make_config, tmp_path):
    assert main([make_config(root="elsewhere"), "--split", "val", "--data-root", str(tmp_path / "data")]) == 0
    assert kept(tmp_path) == 2


@pytest.mark.parametrize(
    ("flow", "options", "message"),
    [
        ("None", [], "config.py but found none"),
        ("dict(type='ExactFlow')", [], "config.py but found flow that is not kept: ExactFlow"),
        ("def_", ["--split", "test"], "test_dataloader of"),
        ("def_", ["--threads", "0"], "--threads of at least 1 but found 0"),
        ("def_", ["--data-root", "no/such/folder"], "no/such/folder"),
        ("dict(type='DisFlow', cache='x')", [], "did you mean 'DISFlow'"),
    ],
)
def test_what_cannot_be_filled_is_one_message(make_config, tmp_path, capsys, flow, options, message):
    assert main([make_config(flow), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "flow").exists()


def test_a_task_without_clips_is_told(capsys):
    assert main([str(ROOT / "configs/det/student_retinanet_bccd_small.py")]) == 2
    assert "there is no fill_flow for" in capsys.readouterr().err
