"""Networks of ten lines to distil from and into."""

import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement, PixelData
from torch import nn


class ToyClassifier(nn.Module):
    """Two convolutions, then class scores ``(B, classes)``; counts how often each part runs."""

    def __init__(self, width=4, classes=3, dropout=0.0, stride=1):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, stride, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.body = nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2 * width, classes)
        self.calls = {"body": 0, "fc": 0}
        for name in self.calls:
            getattr(self, name).register_forward_hook(lambda *_, name=name: self._count(name))

    def _count(self, name):
        self.calls[name] += 1

    def forward(self, images):
        features = self.dropout(self.body(self.stem(images)))
        return self.fc(features.mean((2, 3)))


@MODELS.register_module(force=True)
class ToySegmentor(BaseModel):
    """A pixel classifier as a model of the engine: ``body`` at half the resolution, ``head`` with class scores."""

    def __init__(self, width=4, classes=3, dropout=0.0, init_cfg=None):
        super().__init__(init_cfg=init_cfg)
        self.body = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Conv2d(width, classes, 1)
        self.never = nn.Conv2d(width, 1, 1)
        self.loss_calls = 0

    def forward(self, inputs, data_samples=None, mode="tensor"):
        scores = self.head(self.dropout(self.body(inputs)))
        if mode != "loss":
            return scores
        self.loss_calls += 1
        labels = torch.stack([sample.gt_sem_seg.data[0] for sample in data_samples])
        full = F.interpolate(scores, size=labels.shape[-2:], mode="bilinear")
        return {"loss_ce": F.cross_entropy(full, labels, ignore_index=255)}


def labelled_batch(size=16, batch=2, classes=3, seed=0):
    """Random images with random label maps, as the engine's models take them."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (batch, 1, size, size), generator=generator)
    samples = [BaseDataElement(gt_sem_seg=PixelData(data=label)) for label in labels]
    return torch.randn(batch, 3, size, size, generator=generator), samples


def set_iteration(step):
    """Make the engine believe that training is at this iteration."""
    MessageHub.get_current_instance().update_info("iter", step)
