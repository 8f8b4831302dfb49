"""Losses under masks: learned ones (MasKD, ACAM-KD) and random ones (MGD)."""

import torch
import torch.nn.functional as F
from torch.func import functional_call

from catalogue.base import LossEntry, Parity, Refusal, change, random
from common.losses import ACAMLoss, MasKDLoss, MGDLoss, ReceptiveTokens, dice_diversity_loss


def golden_tokens(case, prefix=""):
    """The tokens of a golden case, with the stored weights."""
    weights = case.weights(prefix)
    count, channels = weights["mask_token"].shape
    tokens = ReceptiveTokens(channels, count, weighted="prob.0.weight" in weights).double()
    tokens.load_state_dict(token_weights(weights))
    return tokens


def token_weights(weights):
    """The reference's names of the weights of tokens by ours."""
    return {k.replace("mask_token", "tokens").replace("prob.", "probability."): w for k, w in weights.items()}


def mgd_loss(case):
    """A loss with a golden case's widths and hyperparameters."""
    return MGDLoss(case["teacher"].shape[1], case.hp("alpha"), case.hp("lambda"), case.hp("kind")).double()


def _dice(case):
    weights = token_weights(case.weights(""))
    masks = functional_call(golden_tokens(case), weights, (case["feature"],)).masks
    # The reference's gradient of the other weights is stored as 0: they take no part.
    return dice_diversity_loss(masks, eps=case.hp("eps"))


def _mgd(case):
    student = case["student"]
    if "w.align.weight" in case:
        student = F.conv2d(student, case["w.align.weight"], case["w.align.bias"])
    weights = {f"generation.{name}": weight for name, weight in case.weights("generation").items()}
    return functional_call(mgd_loss(case), weights, (student, case["teacher"], case["mask"]))


def _maskd(case):
    if "w.mask_token" in case:
        loss = MasKDLoss(golden_tokens(case), form="segmentation")
        return loss(case["student"], case["teacher"])
    keys = [key for key in ("student", "student1") if key in case]
    tokens = [golden_tokens(case, f"mask_modules.{level}") for level in range(len(keys))]
    loss = MasKDLoss(tokens, student_mask=bool(case.hp("student_mask")))
    levels = [case[key] for key in keys], [case[key.replace("student", "teacher")] for key in keys]
    return case.hp("loss_weight") * loss(*levels)


def _features(batch):
    return {"student": random(batch, 4, 3, 5), "teacher": random(batch, 4, 3, 5, seed=1)}


LOSSES = [
    LossEntry(
        "dice_diversity_loss",
        lambda batch: {"masks": random(batch, 3, 2, 4).sigmoid()},
        students=("masks",),
        teachers=(),
        divergence=False,
        refusals=(
            Refusal("no positions", change("masks", lambda m: m[:, :, 0, 0]), r"expected masks of shape \(B, M, \*\)"),
            Refusal("an unknown form", lambda i: {**i, "form": "ratio"}, "expected form to be one of .* found 'ratio'"),
        ),
        options={"form": "literal", "eps": 0.1},
        why="a term on masks alone: there is no teacher to agree with",
    ),
    LossEntry(
        "masked_feature_loss",
        lambda batch: {
            **_features(batch),
            "masks": random(batch, 2, 3, 5, seed=2).sigmoid(),
            "weights": random(batch, 2, seed=3).softmax(1),
        },
        students=("student", "masks", "weights"),
        equal=lambda inputs: {**inputs, "teacher": inputs["student"]},
        refusals=(
            Refusal("masks of another grid", change("masks", lambda m: m[..., :-1]), r"expected masks of shape"),
            Refusal("weights of more masks", change("weights", lambda w: w.repeat(1, 2)), "expected weights of shape"),
            Refusal("an unknown norm", lambda i: {**i, "normalize": "sum"}, "expected normalize to be one of .* 'sum'"),
        ),
        options={"normalize": "positions", "squared_mask": False, "eps": 0.1},
    ),
    LossEntry(
        "MasKDLoss",
        lambda batch: {
            "student": [random(batch, 4, 3, 5), random(batch, 4, 2, 2, seed=1)],
            "teacher": [random(batch, 4, 3, 5, seed=2), random(batch, 4, 2, 2, seed=3)],
        },
        make=lambda: MasKDLoss([ReceptiveTokens(4, 3), ReceptiveTokens(4, 3)]),
        refusals=(
            Refusal(
                "a level less",
                lambda i: {name: v[:1] for name, v in i.items()},
                "expected 2 levels but found 1 of the student and 1 of the teacher",
            ),
        ),
    ),
    LossEntry(
        "ACAMLoss",
        _features,
        make=lambda: ACAMLoss(4, num_masks=2, attention="exact"),
        divergence=False,
        refusals=(
            Refusal(
                "a teacher of another width",
                change("teacher", lambda t: t[:, :3]),
                r"expected teacher map of shape .* \(3, 4, 3, 5\)",
            ),
        ),
        why="its term on the masks alone is not 0 where the maps agree",
    ),
    LossEntry(
        "MGDLoss",
        lambda batch: {**_features(batch), "mask": (random(batch, 1, 3, 5, seed=2) > 0).double()},
        make=lambda: MGDLoss(4, alpha=0.1),
        divergence=False,
        refusals=(
            Refusal(
                "a mask of channels",
                lambda i: {**i, "mask": torch.ones(3, 4, 1, 1).double()},
                r"expected mask of shape .* = \(3, 1, 3, 5\) but found \(3, 4, 1, 1\)",
            ),
        ),
        why="learned layers stand between student and teacher, so that equal maps are not at a loss of 0",
    ),
]

_MASKD = "hunto/MasKD mmrazor/mmrazor/models/losses/maskd.py; class scores: segmentation/losses/maskd.py"

PARITY = [
    Parity(
        "dice_diversity_loss",
        "maskd",
        "hunto/MasKD mmrazor/mmrazor/models/losses/maskd.py",
        _dice,
        "mean over ordered pairs of masks and over samples",
        skip={f"case{i}": "the loss of the second stage: MasKDLoss" for i in range(1, 5)},
        remark="a single token gives 0 here, NaN in the reference",
    ),
    Parity(
        "MasKDLoss",
        "maskd",
        _MASKD,
        _maskd,
        "over the sum of the mask, mean over channels and samples, weighted sum (or mean) over tokens, sum over levels",
        skip={"case0": "the loss of the first stage: dice_diversity_loss"},
        remark="a mask that is 0 everywhere gives 0 here, NaN in the reference's detection form",
    ),
    Parity(
        "MGDLoss",
        "mgd",
        "yzd-v/MGD det/mmdet/distillation/losses/mgd.py; channel mask: cls/mmcls/distillation/losses/mgd.py",
        _mgd,
        "sum over channels and positions, mean over samples, times alpha",
        remark="the projection of the student is the trainers' adapter",
    ),
]
