"""Losses on what a network gives for each position of an image."""

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
    CIRKDMemory,
    FGDLoss,
    bpkd_loss,
    cirkd_minibatch_loss,
    cwd_loss,
    ifvd_loss,
    kd_loss,
    skd_pairwise_loss,
)


def _dense(batch):
    return {"student": random(batch, 3, 4, 5), "teacher": random(batch, 3, 4, 5, seed=1)}


def _widths_differ(batch):
    return {"student": random(batch, 3, 4, 6), "teacher": random(batch, 2, 4, 6, seed=1)}


def _with_labels(batch):
    target = labels(batch, 8, 12, classes=3, seed=2)
    target[:, :2, :4] = 255
    return {**_widths_differ(batch), "target": target}


def _ignored_features_changed(features):
    """Other numbers where `_with_labels` ignores."""
    features = features.clone()
    features[:, :, 0, :2] += 9
    return features


def _with_boxes(batch):
    boxes = [[[3.0, 5.0, 17.0, 22.0], [9.0, 1.0, 30.0, 13.0]], [], [[25.0, 3.0, 39.0, 23.0]]]
    boxes = [torch.tensor(each, dtype=torch.float64).view(-1, 4) for each in boxes[:batch]]
    maps = {"student": random(batch, 4, 4, 5), "teacher": random(batch, 4, 4, 5, seed=1)}
    return {**maps, "boxes": boxes, "image_size": (24, 40)}


def _memory():
    # In evaluation mode it neither draws nor learns.
    sizes = {"pixel_memory": 4, "region_memory": 3, "pixel_samples": 9, "region_samples": 6}
    return CIRKDMemory(3, student_channels=3, teacher_channels=6, **sizes).eval()


def reordered(*names):
    """The images of a batch of three in another order, in the inputs of these names."""
    order = [2, 0, 1]

    def change_order(inputs):
        turned = {n: [inputs[n][i] for i in order] if isinstance(inputs[n], list) else inputs[n][order] for n in names}
        return {**inputs, **turned}

    return change_order


def _bpkd(case):
    losses = bpkd_loss(
        case["student"],
        case["teacher"],
        case["target"].long(),
        body_weight=case.hp("lambda_body"),
        edge_weight=case.hp("lambda_edge"),
        alpha=case.hp("alpha"),
        temperature=case.hp("T"),
        width=int(case.hp("edge_width")),
        void_edges=True,
    )
    return {
        "loss": losses["loss_body"] + losses["loss_edge"],
        "term_body": losses["loss_body"] / case.hp("lambda_body"),
        "term_edge": losses["loss_edge"] / case.hp("lambda_edge"),
    }


def _cwd(case):
    student = case["student"]
    if "w.conv.weight" in case:
        student = F.conv2d(student, case["w.conv.weight"])
    return cwd_loss(student, case["teacher"], temperature=case.hp("tau"))


def fgd_weights(case):
    """The reference's weights by our names."""
    names = {"attend": "conv_mask_{}", "transform": "channel_add_conv_{}"}
    return {
        f"{side}_context.{ours}.{key}": weight
        for side in ("student", "teacher")
        for ours, theirs in names.items()
        for key, weight in case.weights(theirs.format(side[0])).items()
    }


def _fgd(case):
    student, teacher = case["student"], case["teacher"]
    if "w.align.weight" in case:
        student = F.conv2d(student, case["w.align.weight"], case["w.align.bias"])
    weights = {name: case.hp(name) for name in ("alpha", "beta", "gamma", "lambda")}
    options = {f"{name}_fgd": weight for name, weight in weights.items()}
    loss = FGDLoss(teacher.shape[1], temperature=case.hp("temp"), **options).double()
    boxes = list(case["boxes"].split(case["boxes_per_image"].tolist()))
    size = tuple(case["image_shape"].tolist())
    losses = functional_call(loss, fgd_weights(case), (student, teacher, boxes, size), strict=True)
    return {
        "loss": sum(losses.values()),
        "term_foreground": losses["loss_foreground"] / weights["alpha"],
        "term_background": losses["loss_background"] / weights["beta"],
        "term_attention": losses["loss_attention"] / weights["gamma"],
        "term_relation": losses["loss_relation"] / weights["lambda"],
    }


LOSSES = [
    LossEntry(
        "cwd_loss",
        _dense,
        logits=True,
        invariances=(
            Invariance("a constant per channel", change("student", lambda s: s + 7 * random(len(s), 3, 1, 1, seed=2))),
            Invariance("the order of positions", lambda i: {name: value.flip(2) for name, value in i.items()}),
        ),
        options={"temperature": 2.0},
    ),
    LossEntry(
        "bpkd_loss",
        lambda batch: {**_dense(batch), "target": labels(batch, 8, 10, classes=3)},
        logits=True,
        options={
            "body_weight": 2.0,
            "edge_weight": 3.0,
            "alpha": [1.0, 2.0, 3.0],
            "temperature": 2.0,
            "width": 3,
            "pre_mask": False,
            "post_mask": False,
            "normalize": "global",
            "exclude_edge_from_body": True,
            "ignore_index": 1,
            "void_edges": True,
        },
    ),
    LossEntry(
        "skd_pairwise_loss",
        _widths_differ,
        gradcheck=False,
        invariances=(
            Invariance("a factor per map", change("student", lambda s: s * random(len(s), 1, 1, 1, seed=2).exp())),
            Invariance("the order of cells", lambda i: {name: value.flip(2, 3) for name, value in i.items()}),
            Invariance("the order of channels", change("student", lambda s: s.flip(1))),
        ),
        refusals=(
            Refusal(
                "other cells", change("teacher", lambda t: t[..., 1:]), r"teacher cells of shape \(2, 2\).*\(2, 3\)"
            ),
            Refusal("no scale", lambda i: {**i, "scale": 0}, "expected a scale above 0 and at most 1 but found 0"),
            Refusal("no kernel", lambda i: {**i, "kernel": 0}, "expected a kernel of at least 1 but found 0"),
            Refusal("no chunk", lambda i: {**i, "chunk_size": 0}, "expected a chunk_size of at least 1 but found 0"),
        ),
        options={"scale": 0.3, "chunk_size": 2, "kernel": 1, "detach_norm": False},
        why="gradcheck: the norms are held constant in the gradient, as the authors do",
    ),
    LossEntry(
        "ifvd_loss",
        _with_labels,
        invariances=(
            Invariance("a factor per image", change("student", lambda s: s * random(len(s), 1, 1, 1, seed=2).exp())),
            Invariance("the names of classes", change("target", lambda t: torch.where(t == 255, t, (t + 1) % 3 + 7))),
            Invariance("features of ignored pixels", change("teacher", _ignored_features_changed)),
        ),
        refusals=(
            Refusal(
                "another grid", change("teacher", lambda t: t[..., 1:]), r"teacher map .* but found \(3, 2, 4, 5\)"
            ),
            Refusal("other labels", change("target", lambda t: t[:2]), "labels for a batch of 3 but found 2"),
            Refusal("float labels", change("target", lambda t: t.float()), "expected integer labels .* torch.float32"),
            Refusal("a label too large", lambda i: {**i, "num_classes": 2}, r"labels 0\.\.1 or 255 .* found \[2\]"),
        ),
        options={"ignore_index": 1, "num_classes": 300},
    ),
    LossEntry(
        "cirkd_minibatch_loss",
        lambda batch: {name: value[:, :, :3, :4] for name, value in _widths_differ(batch).items()},
        invariances=(
            Invariance("a factor per pixel", change("student", lambda s: s * random(len(s), 1, 3, 4, seed=2).exp())),
            Invariance("the order of pixels", lambda i: {name: value.flip(2) for name, value in i.items()}),
            Invariance("the order of channels", change("student", lambda s: s.flip(1))),
        ),
        refusals=(
            Refusal("no temperature", lambda i: {**i, "temperature": 0}, "temperature above 0 but found 0"),
            Refusal("no pool", lambda i: {**i, "pool": 0}, "expected a pool of at least 1 but found 0"),
            Refusal("a pool too large", lambda i: {**i, "pool": 4}, "map of at least pool=4 positions a side"),
            Refusal("no chunk", lambda i: {**i, "chunk_size": 0}, "expected a chunk_size of at least 1 but found 0"),
        ),
        options={"temperature": 0.5, "chunk_size": 2, "pool": 2},
    ),
    LossEntry(
        "CIRKDMemory",
        lambda batch: {**_with_labels(batch), "teacher": random(batch, 6, 4, 6, seed=1)},
        make=_memory,
        divergence=False,
        invariances=(
            Invariance("a factor per teacher pixel", change("teacher", lambda t: t * random(3, 1, 4, 6).exp())),
            Invariance("features of ignored pixels", change("student", _ignored_features_changed)),
        ),
        refusals=(
            Refusal("another width", change("student", lambda s: s[:, :2]), r"student map .* but found \(3, 2, 4, 6\)"),
            Refusal(
                "a label too large", change("target", lambda t: t + 1), r"labels 0\.\.2 or 255 .* found \[3, 256\]"
            ),
        ),
        why="equal: the student is projected by layers of its own",
    ),
    LossEntry(
        "FGDLoss",
        _with_boxes,
        make=lambda: FGDLoss(4),
        permutes=False,
        invariances=(
            Invariance("the order of images", reordered("student", "teacher", "boxes")),
            Invariance("the order of boxes", change("boxes", lambda boxes: [each.flip(0) for each in boxes])),
            Invariance("a size for each image", lambda i: {**i, "image_size": [i["image_size"]] * 3}),
            Invariance(
                "a factor of all pixels",
                lambda i: {**i, "boxes": [2 * each for each in i["boxes"]], "image_size": (48, 80)},
            ),
        ),
        refusals=(
            Refusal("other boxes", change("boxes", lambda boxes: boxes[:2]), "boxes of 3 images but found those of 2"),
            Refusal("no corners", change("boxes", lambda b: [x[:, :2] for x in b]), r"of shape \(n, 4\) .* \(2, 2\)"),
            Refusal("other sizes", lambda i: {**i, "image_size": [(24, 40)] * 2}, "those of 3 images, but found 2"),
            Refusal("another grid", change("teacher", lambda t: t[..., 1:]), r"teacher map .* found \(3, 4, 4, 4\)"),
        ),
        why="order: the boxes are a list with one entry an image, see the invariances",
    ),
    LossEntry(
        "wavelet_loss",
        lambda batch: {"student": random(batch, 2, 8, 8), "teacher": random(batch, 2, 8, 8, seed=1)},
        invariances=(
            Invariance(
                "a constant per block",
                change("student", lambda s: s + F.interpolate(random(len(s), 2, 1, 1, seed=2), scale_factor=8)),
            ),
            Invariance("the order of channels", lambda i: {name: value.flip(1) for name, value in i.items()}),
            Invariance("a mirror", lambda i: {name: value.flip(3) for name, value in i.items()}),
        ),
        refusals=(
            Refusal("no depth", lambda i: {**i, "depth": 0}, "expected a depth of at least 1 but found 0"),
            Refusal("another width", change("teacher", lambda t: t[:, 1:]), r"teacher map .* found \(3, 1, 8, 8\)"),
        ),
        options={"depth": 2},
    ),
]

PARITY = [
    Parity(
        "cwd_loss",
        "cwd",
        "irfanICMLL/TorchDistiller SemSeg-distill/utils/criterion.py",
        _cwd,
        "sum over positions, mean over samples and channels, times T²",
        remark="CIRKD divides by the student's channels before its projection",
    ),
    Parity(
        "bpkd_loss",
        "bpkd",
        "lamnmh05/Semantic-Segmentation-with-Knowledge-Distilled-SegFormer src/distillers/bpkd.py",
        _bpkd,
        "edges: sum over classes of the mean over edge cells, mean over samples; bodies: as CWD",
        remark="no authors' code; a re-implementation, with void_edges=True",
    ),
    Parity(
        "kd_loss",
        "skd_pixel",
        "irfanICMLL/structure_knowledge_distillation utils/criterion.py",
        lambda case: kd_loss(case["student"], case["teacher"], temperature=case.hp("T")),
        "sum over classes, mean over samples and positions",
        conversion=Difference(
            "SKDS takes the cross-entropy and sums it over the batch: B (ours + the teacher's entropy)",
            lambda case, ours: len(case["student"]) * (ours + teacher_entropy(case)),
        ),
        differences={
            "all_elements": Difference(
                "IFVD's repository takes a mean over all elements: ours / C",
                lambda case, ours: ours / case["student"].shape[1],
            )
        },
        remark="all at T = 1",
    ),
    Parity(
        "skd_pairwise_loss",
        "skd_pair",
        "irfanICMLL/structure_knowledge_distillation utils/criterion.py, utils/utils.py",
        lambda case: skd_pairwise_loss(case["student"], case["teacher"], scale=case.hp("scale")),
        "mean over pairs of cells and samples",
        differences={
            "cirkd": Difference(
                "CIRKD pools 2x2, differentiates the norms and has another eps: kernel=2, detach_norm=False",
                lambda case, _: skd_pairwise_loss(case["student"], case["teacher"], kernel=2, detach_norm=False),
                switch=True,
                tolerance=1e-7,
            )
        },
    ),
    Parity(
        "ifvd_loss",
        "ifvd",
        "YukangWang/IFVD utils/criterion.py",
        lambda case: ifvd_loss(case["student"], case["teacher"], case["target"]),
        "mean over positions, ignored ones among them, and samples",
    ),
    Parity(
        "cirkd_minibatch_loss",
        "cirkd_minibatch",
        "winycg/CIRKD losses/cirkd_mini_batch.py",
        lambda case: cirkd_minibatch_loss(case["student"], case["teacher"], temperature=case.hp("temperature")),
        "sum over positions compared with, mean over positions and pairs of images; no T²",
    ),
    Parity(
        "FGDLoss",
        "fgd",
        "yzd-v/FGD mmdet/distillation/losses/fgd.py",
        _fgd,
        "sum over channels and positions, mean over samples",
    ),
]
