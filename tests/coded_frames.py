"""Frames that say which class a network is to see in them, so that its scores follow from arithmetic."""

import pickle
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import MODELS
from torch import nn

CONFIG = """
task = 'amr'
model = dict(type='Classifier', network=dict(type='CodedNetwork', num_classes={classes}))
_data = dict(type='{kind}', data_root={root!r}, ann_file='frames.pkl', cache={root!r}, split='20/20/60')
train_dataloader = dict(dataset=dict(**_data, part='train'))
val_dataloader = dict(dataset=dict(**_data, part='val'))
test_dataloader = dict(dataset=dict(**_data, part='test'))
"""


@MODELS.register_module(force=True)
class CodedNetwork(nn.Module):
    """Sees the class that stands in one row of the frame; its logits are ``scale`` there and 0 elsewhere."""

    def __init__(self, num_classes=2, scale=3.0, row=0.0):
        super().__init__()
        self.num_classes = num_classes
        self.scale = nn.Parameter(torch.tensor(scale))
        self.row = nn.Parameter(torch.tensor(row))

    def forward(self, frames):
        codes = frames[:, int(self.row), :1]
        return self.scale * (codes == torch.arange(self.num_classes)).float()


def write_frames(folder, codes, frames=10):
    """frames.pkl in RadioML's layout.

    Args:
        folder: where it goes.
        codes: (mod, snr) -> what a network sees that looks at row 0, and at row 1; one for all frames, or one for each.
        frames: of each cell: 20 % to train, 20 % to validate, 60 % to test.
    """
    cells = {}
    for cell, both in codes.items():
        cells[cell] = np.zeros((frames, 2, 16), np.float32)
        for row, seen in enumerate(both):
            cells[cell][:, row, 0] = seen
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frames.pkl").write_bytes(pickle.dumps(cells, protocol=2))
    return folder


def write_network(folder, root, kind="SignalDataset", classes=2, meta=None, seed=None, **parameters):
    """A config and a checkpoint of a `CodedNetwork`; gives their paths as a command line takes them.

    Args:
        folder: where they go.
        root: folder of frames.pkl.
        kind: type of the data set.
        classes: that the network tells apart.
        meta: what the checkpoint says of the data it was trained on.
        seed: that the checkpoint notes.
        parameters: of the network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.py").write_text(CONFIG.format(root=str(root), kind=kind, classes=classes))
    network = CodedNetwork(classes, **parameters)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    stored = {"state_dict": state, "meta": {"dataset_meta": meta or {}}}
    stored |= {} if seed is None else {"distill": {"seed": seed}}
    torch.save(stored, folder / "last.pth")
    return [str(Path(folder) / name) for name in ("config.py", "last.pth")]
