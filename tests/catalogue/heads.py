"""Losses behind the layers of a detector's head."""

import torch
from torch import nn

from catalogue.base import LossEntry, Refusal, change, random
from common.losses import CrossKDLoss

BINS = 3


def teacher_head(channels, levels=0):
    """Two layers of a frozen head in float64, and a scale for each of several levels."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layers = [nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()), nn.Conv2d(4, channels, 1)]
        layers += [[nn.Conv2d(channels, channels, 1, groups=channels) for _ in range(levels)]] if levels else []
    for layer in layers:
        for module in layer if isinstance(layer, list) else [layer]:
            module.double().requires_grad_(False)
    return layers


def crossed(inputs, layers):
    """The inputs of a student that is its teacher."""
    found = []
    for level, features in enumerate(inputs["student"]):
        for layer in layers:
            features = (layer[level] if isinstance(layer, list) else layer)(features)
        found.append(features)
    return {**inputs, "teacher": inputs["student"], "prediction": found}


def _maps(channels):
    def maps(batch):
        grids = ((3, 4), (2, 2))
        return {
            # As behind a ReLU.
            "student": [random(batch, 4, *grid, seed=i).abs() for i, grid in enumerate(grids)],
            "teacher": [random(batch, 4, *grid, seed=2 + i).abs() for i, grid in enumerate(grids)],
            "prediction": [random(batch, channels, *grid, seed=4 + i) for i, grid in enumerate(grids)],
            "confidence": [random(batch, 3, *grid, seed=6 + i) for i, grid in enumerate(grids)],
        }

    return maps


TEACHERS = ("teacher", "prediction", "confidence")
REFUSALS = (
    Refusal("a level less", change("teacher", lambda t: t[:1]), r"expected maps of as many levels but found \[2, 1"),
    Refusal(
        "features of another width",
        change("student", lambda s: [each[:, :3] for each in s]),
        r"expected teacher features of shape \(B, F, H, W\) = \(3, 3, 3, 4\)",
    ),
    Refusal(
        "confidence of another grid",
        change("confidence", lambda c: [each[..., :-1] for each in c]),
        "expected teacher confidence of shape",
    ),
)
LOSSES = [
    LossEntry(
        "CrossKDLoss",
        _maps(3),
        # Aligned features are the teacher's up to rounding, and the slope of |x| there is that of the rounding.
        make=lambda: CrossKDLoss(teacher_head(3), align=False),
        teachers=TEACHERS,
        equal=lambda inputs: crossed(inputs, teacher_head(3)),
        refusals=REFUSALS,
    ),
    LossEntry(
        "CrossKDLoss",
        _maps(4 * BINS),
        make=lambda: CrossKDLoss(teacher_head(4 * BINS, levels=2), kind="bins"),
        teachers=TEACHERS,
        equal=lambda inputs: crossed(inputs, teacher_head(4 * BINS, levels=2)),
        refusals=(
            *REFUSALS,
            Refusal(
                "no four sides",
                change("prediction", lambda p: [each[:, :-1] for each in p]),
                "expected bins of 4 sides in the teacher's prediction but found 11 channels",
            ),
        ),
    ),
]
PARITY = []
