"""Losses on feature maps and on the relations between samples."""

import torch
from torch.func import functional_call

from catalogue.base import Difference, Invariance, LossEntry, Parity, Refusal, change, random
from common.adapters import build_adapter
from common.losses import (
    OFDLoss,
    VIDLoss,
    at_loss,
    fitnet_loss,
    ofd_loss,
    ofd_margin,
    pkd_loss,
    rkd_angle_loss,
    rkd_distance_loss,
    sp_loss,
)

REPDISTILLER = "HobbitLong/RepDistiller"


def _maps(batch, channels=3, grid=(4, 5)):
    return {"student": random(batch, 3, 4, 5), "teacher": random(batch, channels, *grid, seed=1)}


def _embeddings(batch):
    return {"student": random(batch, 4), "teacher": random(batch, 6, seed=1)}


def _own_place(sizes):
    """Numbers that differ between the samples, as an order of the batch would show."""
    return torch.arange(1, sizes + 1, dtype=torch.float64)


def _rotated(points):
    rotation, _ = torch.linalg.qr(random(points.shape[1], points.shape[1], seed=3))
    return points @ rotation


def _fitnet(case):
    student = case["student"]
    if case.name == "case1":
        student = torch.nn.functional.conv2d(student, case["w.conv.weight"])
    if case.name == "case2":
        adapter = build_adapter("regressor", student.shape, case["teacher"].shape).double()
        parts = {"conv": 0, "bn": 1}
        weights = {f"{i}.{key}": value for name, i in parts.items() for key, value in case.weights(name).items()}
        student = functional_call(adapter, weights, (student,))
    return fitnet_loss(student, case["teacher"])


def _rkd(case, **options):
    pair = case["student"], case["teacher"]
    distance, angle = rkd_distance_loss(*pair, **options), rkd_angle_loss(*pair, **options)
    return case.hp("w_distance") * distance + case.hp("w_angle") * angle


def _sp_of_l1_rows(case):
    rows = [case[name].flatten(1) for name in ("student", "teacher")]
    student, teacher = (torch.nn.functional.normalize(each @ each.T, p=1, dim=1) for each in rows)
    return (student - teacher).square().mean()


def _pkd(case):
    grid = "teacher" if case.hp("resize_student") else "student"
    return case.hp("loss_weight") * pkd_loss(case["student"], case["teacher"], grid=grid, eps=case.hp("eps"))


def _ofd(case):
    loss = ofd_loss(case["student"], case["teacher"], ofd_margin(case["bn_weight"], case["bn_bias"]))
    return {"loss": loss, "term_author_sum_over_batch": loss * len(case["student"])}


def _vid(case):
    student, teacher, weights = case["student"], case["teacher"], case.weights("")
    hidden = len(weights["regressor.0.weight"])
    loss = VIDLoss(student.shape[1], teacher.shape[1], hidden, case.hp("init_pred_var"), case.hp("eps")).double()
    return functional_call(loss, weights, (student, teacher))


LOSSES = [
    LossEntry("fitnet_loss", _maps),
    LossEntry(
        "at_loss",
        lambda batch: _maps(batch, channels=2),
        invariances=(
            Invariance(
                "a factor for each sample", change("student", lambda s: s * _own_place(len(s)).view(-1, 1, 1, 1))
            ),
            Invariance("signs", change("student", lambda s: -s)),
            Invariance("the order of channels", change("student", lambda s: s.flip(1))),
            Invariance("the order of positions", lambda i: {name: value.flip(2) for name, value in i.items()}),
        ),
        refusals=(
            Refusal("no positions", lambda i: {k: v[:, :, 0, 0] for k, v in i.items()}, "1 to 3 spatial axes"),
            Refusal("spatial axes differ", change("teacher", lambda t: t.flatten(2)), r"\(N, C, H, W\) but found"),
            Refusal("an exponent below 1", lambda i: {**i, "p": 0.5}, "p of at least 1 but found 0.5"),
            Refusal("an unknown form", lambda i: {**i, "form": "papers"}, "'code', 'paper'.* but found 'papers'"),
        ),
        options={"p": 3, "form": "paper"},
    ),
    LossEntry(
        "pkd_loss",
        lambda batch: _maps(batch, grid=(3, 7)),
        equal=lambda inputs: {**inputs, "teacher": inputs["student"]},
        invariances=(
            Invariance(
                "a positive factor and a constant for each channel",
                change("teacher", lambda t: t * _own_place(3).view(-1, 1, 1) + 5 * random(3, 1, 1, seed=2)),
            ),
        ),
        refusals=(
            Refusal("channels differ", change("teacher", lambda t: t[:, :2]), r"= \(3, 3, 3, 7\) but found"),
            Refusal("spatial axes differ", change("teacher", lambda t: t.flatten(2)), r"\(N, C, H, W\) but found"),
            Refusal("an unknown grid", lambda i: {**i, "grid": "both"}, "'teacher', 'student'.* but found 'both'"),
            Refusal(
                "one value in each channel",
                lambda i: {k: v[:1, :, :1, :1] for k, v in i.items()},
                r"at least 2 values in each channel but found shape \(1, 3, 1, 1\)",
            ),
        ),
        options={"grid": "student", "eps": 0.1},
    ),
    LossEntry(
        "ofd_loss",
        lambda batch: {
            "student": random(batch, 2, 4, 5),
            "teacher": random(batch, 2, 4, 5, seed=1),
            "margin": torch.tensor([-0.4, -1.0], dtype=torch.float64),
        },
        refusals=(
            Refusal("a margin for other channels", change("margin", lambda m: m[:1]), r"margin of shape \(C\) = \(2\)"),
        ),
    ),
    LossEntry("OFDLoss", _maps, make=lambda: OFDLoss(margin=[-0.5, -1.0, -0.2])),
    LossEntry(
        "VIDLoss",
        lambda batch: _maps(batch, channels=4, grid=(2, 7)),
        make=lambda: VIDLoss(3, 4, hidden=5),
        divergence=False,
        why="a negative log-likelihood: what is smallest depends on the variances",
        refusals=(
            Refusal("other student channels", change("student", lambda s: s[:, :2]), r"= \(3, 3, 4, 5\) but found"),
            Refusal("other teacher channels", change("teacher", lambda t: t[:, :2]), r"= \(3, 4, 2, 7\) but found"),
        ),
    ),
    LossEntry(
        "sp_loss",
        lambda batch: _maps(batch, channels=2, grid=(3,)),
        invariances=(
            Invariance("a factor", change("student", lambda s: 3 * s)),
            Invariance("rotations", change("student", lambda s: _rotated(s.flatten(1)))),
        ),
    ),
    LossEntry(
        "rkd_distance_loss",
        _embeddings,
        smallest_batch=2,
        invariances=(
            Invariance("a factor", change("student", lambda s: 3 * s)),
            Invariance("translations", change("student", lambda s: s + 5)),
            Invariance("rotations", change("student", _rotated)),
        ),
        options={"l2_normalize": True},
    ),
    LossEntry(
        "rkd_angle_loss",
        _embeddings,
        smallest_batch=2,
        invariances=(
            Invariance("a factor", change("student", lambda s: 3 * s)),
            Invariance("translations", change("student", lambda s: s + 5)),
            Invariance("rotations", change("student", _rotated)),
        ),
        refusals=(
            Refusal("no chunks", lambda i: {**i, "chunk_size": 0}, "expected a chunk_size of at least 1 but found 0"),
        ),
        options={"l2_normalize": True, "chunk_size": 2},
    ),
]

PARITY = [
    Parity(
        "fitnet_loss",
        "fitnet",
        f"{REPDISTILLER} distiller_zoo/FitNet.py, models/util.py; winycg/CIRKD losses/fitnet.py",
        _fitnet,
        "mean over all elements",
        remark="the last case goes through the adapter 'regressor'",
    ),
    Parity(
        "at_loss",
        "at",
        f"{REPDISTILLER} distiller_zoo/AT.py",
        lambda case: at_loss(case["student"], case["teacher"], p=case.hp("p")),
        "mean over samples and positions of squared differences",
        remark="form='paper' gives the paper's formula, as torchdistill does in its mode 'paper'",
    ),
    Parity(
        "pkd_loss",
        "pkd",
        "open-mmlab/mmrazor mmrazor/models/losses/pkd_loss.py",
        _pkd,
        "half the mean over all elements",
    ),
    Parity(
        "ofd_loss",
        "ofd",
        "clovaai/overhaul-distillation CIFAR-100/distiller.py",
        _ofd,
        "sum over channels and positions, mean over samples",
        remark="the authors' function returns the sum over samples; mmrazor divides by 1000 more",
    ),
    Parity(
        "VIDLoss",
        "vid",
        f"{REPDISTILLER} distiller_zoo/VID.py",
        _vid,
        "mean over all elements",
        remark="mdistiller never trains the variances",
    ),
    Parity(
        "sp_loss",
        "sp",
        f"{REPDISTILLER} distiller_zoo/SP.py",
        lambda case: sp_loss(case["student"], case["teacher"]),
        "mean over the N² pairs",
        differences={
            "torchdistill_L1_rows": Difference(
                "torchdistill divides the rows by their L1 norm", lambda case, _: _sp_of_l1_rows(case)
            )
        },
    ),
    Parity(
        "rkd_distance_loss",
        "rkd",
        f"{REPDISTILLER} distiller_zoo/RKD.py",
        lambda case: rkd_distance_loss(case["student"], case["teacher"]),
        "mean over the N² pairs",
        of="term_distance",
    ),
    Parity(
        "rkd_angle_loss",
        "rkd",
        f"{REPDISTILLER} distiller_zoo/RKD.py",
        lambda case: rkd_angle_loss(case["student"], case["teacher"]),
        "mean over the N³ triplets",
        of="term_angle",
    ),
    Parity(
        "25 rkd_distance_loss + 50 rkd_angle_loss",
        "rkd",
        f"{REPDISTILLER} distiller_zoo/RKD.py",
        _rkd,
        "the sum by the authors' weights; 5 and 10 in the last case",
        differences={
            "l2_normalised": Difference(
                "mmrazor normalises by default: l2_normalize=True",
                lambda case, _: _rkd(case, l2_normalize=True),
                switch=True,
            )
        },
    ),
]
