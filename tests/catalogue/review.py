"""ReviewKD: fusion of levels and the loss over scales."""

from torch.func import functional_call

from catalogue.base import LossEntry, Parity, Refusal, random
from common.losses import ReviewKDLoss, hcl_loss


def levels(case, name):
    """The levels of a golden case, shallow to deep."""
    return [case[key] for key in (name, f"{name}1", f"{name}2") if key in case]


def review_weights(case):
    """The reference's fusion weights, listed from the deepest level, by our names."""
    layers = {"conv1": "entrance", "conv2": "exit", "att_conv.0": "attention"}
    found = {}
    for key, weight in case.weights("abfs").items():
        level, _, name = key.partition(".")
        for theirs, ours in layers.items():
            if name.startswith(theirs):
                found[f"fusions.{2 - int(level)}.{ours}{name.removeprefix(theirs)}"] = weight
    return found


def review_loss(case):
    """A loss of a golden case's widths."""
    channels = [[level.shape[1] for level in levels(case, name)] for name in ("student", "teacher")]
    return ReviewKDLoss(*channels, mid_channels=case.hp("mid_channel")).double()


def _review(case):
    tensors = (levels(case, "student"), levels(case, "teacher"))
    return functional_call(review_loss(case), review_weights(case), tensors)


def _pyramids(batch):
    return {
        "student": [random(batch, 2, 4, 5), random(batch, 3, 2, 3, seed=1)],
        "teacher": [random(batch, 3, 4, 5, seed=2), random(batch, 4, 2, 2, seed=3)],
    }


LOSSES = [
    LossEntry(
        "hcl_loss",
        lambda batch: {
            "student": [random(batch, 2, 5, 3), random(batch, 3, 2, 2, seed=1), random(batch, 2, 1, 1, seed=2)],
            "teacher": [random(batch, 2, 5, 3, seed=3), random(batch, 3, 2, 2, seed=4), random(batch, 2, 1, 1, seed=5)],
        },
        refusals=(
            Refusal(
                "a level less", lambda i: {**i, "teacher": i["teacher"][:2]}, "as many teacher as student .* 2 and 3"
            ),
        ),
    ),
    LossEntry(
        "ReviewKDLoss",
        _pyramids,
        make=lambda: ReviewKDLoss([2, 3], [3, 4], mid_channels=4),
        divergence=False,
        refusals=(
            Refusal(
                "another width",
                lambda i: {**i, "student": i["student"][::-1]},
                r"student map at level 0 .* = \(3, 2, 2, 3\) but found \(3, 3, 2, 3\)",
            ),
            Refusal(
                "one value per channel",
                lambda i: {name: [v[0][:1], v[1][:1, :, :1, :1]] for name, v in i.items()},
                "at least 2 samples at level 1",
            ),
        ),
        why="learned layers stand between student and teacher, so that equal maps are not at a loss of 0",
    ),
]

PARITY = [
    Parity(
        "hcl_loss",
        "hcl",
        "dvlab-research/ReviewKD CIFAR-100/model/reviewkd.py",
        lambda case: hcl_loss(levels(case, "student"), levels(case, "teacher")),
        "mean over all elements, weighted mean over scales, sum over levels",
        skip={"case2": "the whole review path: ReviewKDLoss"},
    ),
    Parity(
        "ReviewKDLoss",
        "hcl",
        "dvlab-research/ReviewKD CIFAR-100/model/reviewkd.py",
        _review,
        "as hcl_loss, after the fusion",
        skip={"case0": "without fusion: hcl_loss", "case1": "without fusion: hcl_loss"},
    ),
]
