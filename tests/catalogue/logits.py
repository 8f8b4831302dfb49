"""Losses on class scores, and on the bins of box sides."""

import torch
import torch.nn.functional as F
from torch.func import functional_call

from catalogue.base import (
    Difference,
    Invariance,
    LossEntry,
    Parity,
    Refusal,
    change,
    labels,
    random,
    teacher_entropy,
)
from common.losses import (
    USKDLoss,
    dist_loss,
    dkd_loss,
    kd_loss,
    ld_loss,
    lskd_loss,
    nkd_loss,
    pixel_dkd_loss,
    wsld_loss,
)

CLASSES = 5


def _dense(batch):
    return {"student": random(batch, CLASSES, 2, 3), "teacher": random(batch, CLASSES, 2, 3, seed=1)}


def _labelled(batch):
    return {**_dense(batch), "target": labels(batch, 2, 3, classes=CLASSES)}


def _constant(name):
    return change(name, lambda s: s + 7 * random(len(s), 1, 2, 3, seed=2))


def _classes_turned(inputs):
    turned = {name: inputs[name].roll(2, dims=1) for name in ("student", "teacher")}
    return {**inputs, **turned, "target": (inputs["target"] + 2) % CLASSES} if "target" in inputs else turned


INVARIANCES = (
    Invariance("a constant per position of the student", _constant("student")),
    Invariance("a constant per position of the teacher", _constant("teacher")),
    Invariance("the order of the classes", _classes_turned),
    Invariance("the order of positions", lambda i: {name: value.flip(-1) for name, value in i.items()}),
)
REFUSALS = (
    Refusal("one class", lambda i: {**i, **{k: i[k][:, :1] for k in ("student", "teacher")}}, "at least 2 .* found 1"),
    Refusal("no temperature", lambda i: {**i, "temperature": 0}, "temperature above 0 but found 0"),
    Refusal("a teacher of another grid", change("teacher", lambda t: t[..., :1]), r"5, 2, 3\) but found \(3, 5, 2, 1"),
    Refusal("scores without classes", lambda i: {**i, "student": i["student"][:, 0, 0, 0]}, r"\(N, C, \*\) but found"),
)
LABEL_REFUSALS = (
    *REFUSALS,
    Refusal("a label out of range", change("target", lambda t: t + 2), r"labels 0\.\.4 or 255 .* but found \[5, 6\]"),
    Refusal("float labels", change("target", lambda t: t.double()), "expected integer labels as target"),
    Refusal("labels of another batch", change("target", lambda t: t[:1]), "labels for a batch of 3 but found 1"),
)


def _dkd(case):
    def run(alpha, beta):
        return dkd_loss(
            case["student"], case["teacher"], case["target"], alpha=alpha, beta=beta, temperature=case.hp("T")
        )

    return {"loss": run(case.hp("alpha"), case.hp("beta")), "term_tckd": run(1.0, 0.0), "term_nckd": run(0.0, 1.0)}


def _pixel_dkd(case):
    """The samples of the case as positions of one picture, with a weight that takes the place of alpha."""
    scores = [case[name].T[None] for name in ("student", "teacher")]

    def run(alpha, beta):
        weights = torch.full((1,), alpha, dtype=torch.float64)
        return pixel_dkd_loss(*scores, case["target"][None], weights, beta=beta, temperature=case.hp("T"))

    return {"loss": run(case.hp("alpha"), case.hp("beta")), "term_tckd": run(1.0, 0.0), "term_nckd": run(0.0, 1.0)}


def _nkd(case):
    target = case["target_soft" if "target_soft" in case else "target"]

    def run(gamma):
        return nkd_loss(case["student"], case["teacher"], target, gamma=gamma, temperature=case.hp("T"))

    total, of_target = run(case.hp("gamma")), run(0.0)
    return {"loss": total, "term_target": of_target, "term_nontarget": total - of_target}


def _uskd(case):
    weights = case.weights("")
    alpha, beta, mu = (case.hp(name) for name in ("alpha", "beta", "mu"))
    ranking = {"code": "code", "prob": "paper"}[case.hp("rank")]
    classes, channels = weights["fc.weight"].shape
    loss = USKDLoss(channels, classes, alpha=alpha, beta=beta, mu=mu, ranking=ranking)
    target = case["target_soft" if "target_soft" in case else "target"]
    parts = functional_call(loss, weights, (case["student"], case["fea_mid"], target))
    return {
        "loss": sum(parts.values()),
        "term_target": parts["loss_target"] / alpha,
        "term_nontarget": parts["loss_nontarget"] / beta,
        "term_weak": parts["loss_weak"],
    }


def _dist(case):
    def run(beta, gamma):
        temperature, eps = case.hp("tau"), case.hp("eps")
        return dist_loss(case["student"], case["teacher"], beta=beta, gamma=gamma, temperature=temperature, eps=eps)

    return {"loss": run(case.hp("beta"), case.hp("gamma")), "term_inter": run(1.0, 0.0), "term_intra": run(0.0, 1.0)}


def _dist_of_bounded_norms(case):
    """DIST with PyTorch's cosine similarity of centred vectors, which bounds each norm by eps."""
    q, p = (F.softmax(case[name] / case.hp("tau"), dim=1) for name in ("student", "teacher"))

    def apart(dim):
        centred = [each - each.mean(dim=dim, keepdim=True) for each in (q, p)]
        return 1 - F.cosine_similarity(*centred, dim=dim, eps=case.hp("eps")).mean()

    return case.hp("tau") ** 2 * (case.hp("beta") * apart(1) + case.hp("gamma") * apart(0))


def _ld(case, bins="mean"):
    options = {"weights": case["weight"]} if "weight" in case else {}
    if case.hp("avg_factor") > 0:
        options["avg_factor"] = case.hp("avg_factor")
    return case.hp("loss_weight") * ld_loss(case["student"], case["teacher"], case.hp("T"), bins=bins, **options)


LOSSES = [
    LossEntry(
        "kd_loss",
        _dense,
        logits=True,
        invariances=INVARIANCES,
        refusals=REFUSALS,
        options={"temperature": 2.0, "ignore_index": 1},
    ),
    LossEntry(
        "lskd_loss",
        _dense,
        logits=True,
        invariances=(
            *INVARIANCES,
            Invariance("the scale of the student", change("student", lambda s: 3 * s)),
            Invariance("the scale of the teacher", change("teacher", lambda t: 3 * t)),
        ),
        refusals=REFUSALS,
        options={"temperature": 3.0, "ignore_index": 1, "eps": 0.1},
    ),
    LossEntry(
        "wsld_loss",
        _labelled,
        divergence=False,
        gradcheck=False,
        logits=True,
        invariances=INVARIANCES,
        refusals=LABEL_REFUSALS,
        options={"temperature": 3.0, "ignore_index": 1},
        why="a cross-entropy, whose weights are held constant",
    ),
    LossEntry(
        "dkd_loss",
        _labelled,
        logits=True,
        invariances=INVARIANCES,
        refusals=LABEL_REFUSALS,
        options={"alpha": 2.0, "beta": 0.5, "temperature": 2.0, "ignore_index": 1},
    ),
    LossEntry(
        "pixel_dkd_loss",
        lambda batch: {**_labelled(batch), "weights": random(batch, 2, 3, seed=2).square()},
        logits=True,
        invariances=INVARIANCES,
        refusals=(
            *LABEL_REFUSALS,
            Refusal(
                "weights of another grid", change("weights", lambda w: w[..., :1]), r"2, 3\) but found \(3, 2, 1\)"
            ),
            Refusal("weights of another batch", change("weights", lambda w: w[:2, 0, 0]), r"\(3\) but found \(2,\)"),
            Refusal(
                "no positions",
                lambda i: {k: v[:, :, 0, 0] if v.dim() == 4 else v[:, 0, 0] for k, v in i.items()},
                r"with positions but found \(3, 5\)",
            ),
            Refusal("another term", lambda i: {**i, "weighted": "rest"}, "one of .* but found 'rest'"),
        ),
        options={"alpha": 2.0, "beta": 0.5, "temperature": 2.0, "ignore_index": 1, "weighted": "both"},
    ),
    LossEntry(
        "fdwa_dkd_loss",
        lambda batch: {
            **_labelled(batch),
            "student_features": random(batch, 4, 3, 3, seed=2),
            "teacher_features": random(batch, 4, 3, 3, seed=3),
        },
        teachers=("teacher", "teacher_features"),
        equal=lambda inputs: {**inputs, "teacher": inputs["student"]},
        logits=True,
        invariances=INVARIANCES,
        refusals=(
            *LABEL_REFUSALS,
            Refusal(
                "features of another width",
                change("student_features", lambda f: f[:, :3]),
                r"= \(3, 3, 3, 3\) but found \(3, 4, 3, 3\)",
            ),
        ),
        options={
            "alpha": 2.0,
            "beta": 0.5,
            "temperature": 2.0,
            "ignore_index": 1,
            "weighted": "both",
            "level": "position",
            "distance": "cosine",
        },
    ),
    LossEntry(
        "nkd_loss",
        _labelled,
        divergence=False,
        logits=True,
        invariances=INVARIANCES,
        refusals=LABEL_REFUSALS,
        options={"gamma": 2.0, "temperature": 2.0, "ignore_index": 1},
        why="cross-entropies, not 0 where the two agree",
    ),
    LossEntry(
        "dist_loss",
        _dense,
        # The authors' eps keeps equal scores from 0 by 1e-8 over their variance.
        equal=lambda inputs: {**inputs, "teacher": inputs["student"], "eps": 1e-14},
        logits=True,
        invariances=INVARIANCES,
        refusals=REFUSALS,
        options={
            "beta": 2.0,
            "gamma": 3.0,
            "temperature": 2.0,
            "ignore_index": 1,
            "eps": 0.1,
            "probabilities": "sigmoid",
        },
    ),
    LossEntry(
        "ld_loss",
        lambda batch: {
            "student": random(batch, 4),
            "teacher": random(batch, 4, seed=1),
            "weights": random(batch, seed=2).square(),
            "temperature": 2.0,
        },
        logits=True,
        invariances=(
            Invariance("a constant per row", change("student", lambda s: s + 7 * random(len(s), 1, seed=2))),
            Invariance(
                "the order of the bins",
                lambda i: {**i, "student": i["student"].flip(1), "teacher": i["teacher"].flip(1)},
            ),
        ),
        refusals=(
            Refusal(
                "all sides in a row", change("student", lambda s: s.reshape(1, 3, 4)), r"\(M, n\) but found \(1, 3"
            ),
            Refusal(
                "one bin", lambda i: {**i, "student": i["student"][:, :1], "teacher": i["teacher"][:, :1]}, "2 bins"
            ),
            Refusal(
                "weights of other rows", change("weights", lambda w: w[:2]), r"weights .* = \(3\) but found \(2,\)"
            ),
            Refusal("another reduction", lambda i: {**i, "bins": "max"}, "bins to be one of .* but found 'max'"),
            Refusal("no temperature", lambda i: {**i, "temperature": 0}, "temperature above 0 but found 0"),
        ),
        options={"temperature": 3.0, "bins": "sum"},
    ),
    LossEntry(
        "USKDLoss",
        lambda batch: {
            "student": random(batch, CLASSES),
            "features": random(batch, 4, 2, 2, seed=1),
            "target": labels(batch, classes=CLASSES),
        },
        make=lambda: USKDLoss(channels=4, num_classes=CLASSES),
        students=("student", "features"),
        teachers=(),
        divergence=False,
        gradcheck=False,
        logits=True,
        invariances=(
            Invariance("a constant per sample", change("student", lambda s: s + 7 * random(len(s), 1, seed=2))),
            Invariance("features pooled before", change("features", lambda f: f.mean(dim=(2, 3)))),
        ),
        refusals=(
            Refusal(
                "a label out of range", change("target", lambda t: t + 9), r"labels 0\.\.4 in the target but found"
            ),
            Refusal(
                "labels of another batch", change("target", lambda t: t[:1]), "labels for a batch of 3 but found 1"
            ),
            Refusal("features of another width", change("features", lambda f: f[:, :2]), r"\(3, 4, 2, 2\) but found"),
            Refusal("other classes", change("student", lambda s: s[:, :4]), r"\(3, 5\) but found \(3, 4\)"),
            Refusal(
                "soft labels of other classes", change("target", lambda t: random(3, 4)), r"\(3, 5\) but found \(3, 4\)"
            ),
        ),
        why="no teacher; the labels that it makes of its scores are held constant",
    ),
]

WITHOUT_T2 = Difference(
    "torchdistill with alpha=0 leaves out T²: ours / T²", lambda case, ours: ours / case.hp("T") ** 2
)
PARITY = [
    Parity(
        "kd_loss",
        "kd",
        "HobbitLong/RepDistiller distiller_zoo/KD.py",
        lambda case: kd_loss(case["student"], case["teacher"], temperature=case.hp("T")),
        "sum over classes, mean over samples or positions, times T²",
        differences={
            "cross_entropy": Difference(
                "a cross-entropy, of the same gradient: ours + T² times the teacher's entropy",
                lambda case, ours: ours + case.hp("T") ** 2 * teacher_entropy(case, case.hp("T")),
            ),
            "without_T2": WITHOUT_T2,
            "all_elements": Difference(
                "a mean over all elements: ours / C", lambda case, ours: ours / case["student"].shape[1]
            ),
        },
    ),
    Parity(
        "dkd_loss",
        "dkd",
        "megvii-research/mdistiller mdistiller/distillers/DKD.py",
        _dkd,
        "sum over classes, mean over samples or positions, times T²",
        differences={
            "sum_over_batch": Difference(
                "mmrazor with reduction='mean' sums over the samples: N times ours",
                lambda case, ours: ours * len(case["student"]),
            )
        },
        remark="the reference is inf in float32 where a probability underflows; ours is not",
    ),
    Parity(
        "pixel_dkd_loss",
        "dkd",
        "megvii-research/mdistiller mdistiller/distillers/DKD.py",
        _pixel_dkd,
        "the same with the samples as positions of one picture, and alpha as the weight of that picture",
        differences={
            "sum_over_batch": Difference(
                "mmrazor with reduction='mean' sums over the samples: the number of positions times ours",
                lambda case, ours: ours * len(case["student"]),
            )
        },
        remark="the class probabilities underflow in the reference, as above",
    ),
    Parity(
        "nkd_loss",
        "nkd",
        "yzd-v/cls_KD mmcls/models/dis_losses/nkd.py",
        _nkd,
        "sum over classes, mean over samples or positions; the non-target term times T²",
        remark="cross-entropies, not 0 where the two agree; without the cross-entropy with the label",
    ),
    Parity(
        "USKDLoss",
        "uskd",
        "yzd-v/cls_KD mmcls/models/dis_losses/uskd.py",
        _uskd,
        "sum over classes, mean over samples",
        remark="ranking='code' is the authors' code; ranking='paper' was got from it with one line changed",
    ),
    Parity(
        "dist_loss",
        "dist",
        "hunto/image_classification_sota lib/models/losses/dist_kd.py",
        _dist,
        "mean over samples or positions and over classes, times T²",
        differences={
            "torchdistill": Difference(
                "torchdistill bounds each norm by eps instead of adding eps to their product: about 1e-7 apart",
                lambda case, _: _dist_of_bounded_norms(case),
            )
        },
    ),
    Parity(
        "lskd_loss",
        "lskd",
        "sunshangquan/logit-standardization-KD mdistiller/distillers/KD.py",
        lambda case: lskd_loss(case["student"], case["teacher"], temperature=case.hp("T"), eps=case.hp("eps")),
        "sum over classes, mean over samples or positions, times T²",
        differences={"without_T2": WITHOUT_T2},
        remark="finite gradient for scores that are the same for all classes; NaN in the reference",
    ),
    Parity(
        "wsld_loss",
        "wsld",
        "open-mmlab/mmrazor mmrazor/models/losses/weighted_soft_label_distillation.py",
        lambda case: (
            case.hp("loss_weight")
            * wsld_loss(case["student"], case["teacher"], case["target"], temperature=case.hp("T"))
        ),
        "sum over classes, mean over samples or positions, times T²",
        remark="a cross-entropy, not 0 where the two agree; both with the case's loss_weight, 2.5 in the first",
    ),
    Parity(
        "ld_loss",
        "ld",
        "HikariTJU/LD mmdet/models/losses/kd_loss.py",
        _ld,
        "mean over bins, mean over rows or sum over rows / avg_factor, times T²",
        differences={
            "sum_over_bins": Difference(
                "the paper's formula sums over the bins: bins='sum'", lambda case, _: _ld(case, "sum"), switch=True
            )
        },
        remark="both with the case's loss_weight, 0.25 in the first",
    ),
]
