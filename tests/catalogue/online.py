"""Networks that teach each other, or themselves."""

from catalogue.base import Invariance, LossEntry, Refusal, change, labels, random
from common.losses import FFLLoss, SelfReflectionLoss


def _peers(batch):
    return {"student": random(batch, 5), "peers": [random(batch, 5, seed=1), random(batch, 5, seed=2)]}


def _two(batch):
    return {
        "student": random(batch, 5),
        "peer": random(batch, 5, seed=1),
        "student_features": random(batch, 3, 4, 4, seed=2),
        "peer_features": random(batch, 2, 2, 2, seed=3),
        "target": labels(batch, classes=5),
    }


def _stages(batch):
    return {
        "student": random(batch, 5),
        "teacher": random(batch, 5, seed=1),
        "student_stages": [random(batch, 2, 4, 4, seed=2), random(batch, 3, 2, 2, seed=3)],
        "teacher_stages": [random(batch, 4, 4, 4, seed=4), random(batch, 3, 3, 3, seed=5)],
        "target": labels(batch, classes=5),
    }


CLASS = Refusal("an unknown class", change("target", lambda t: t + 5), r"labels 0\.\.4 in the target")
FEW = Refusal("too few labels", change("target", lambda t: t[1:]), "expected 3 labels as target but found 2")

LOSSES = [
    LossEntry(
        "dml_loss",
        _peers,
        teachers=("peers",),
        equal=lambda inputs: {**inputs, "peers": [inputs["student"]] * 2},
        logits=True,
        invariances=(
            Invariance("the order of the peers", change("peers", lambda peers: peers[::-1])),
            Invariance("a constant per sample", change("student", lambda s: s + 7 * random(len(s), 1, seed=3))),
        ),
        refusals=(
            Refusal("no peers", change("peers", lambda _: []), "at least 1 peer but found none"),
            Refusal("no temperature", lambda i: {**i, "temperature": 0}, "temperature above 0 but found 0"),
        ),
        options={"temperature": 2.0},
    ),
    LossEntry(
        "FFLLoss",
        _two,
        make=lambda: FFLLoss(student_channels=3, peer_channels=2, num_classes=5),
        students=("student", "peer", "student_features", "peer_features"),
        teachers=(),
        divergence=False,
        gradcheck=False,
        refusals=(
            CLASS,
            FEW,
            Refusal("a peer of another batch", change("peer", lambda p: p[1:]), r"peer logits .* but found \(2, 5\)"),
            Refusal("a peer's features of another batch", change("peer_features", lambda p: p[1:]), "peer features"),
        ),
        why="gradcheck: the scores on the left side of a divergence are held constant, and are the scores of others",
    ),
    LossEntry(
        "SelfReflectionLoss",
        _stages,
        make=lambda: SelfReflectionLoss(student_channels=[2, 3], teacher_channels=[4, 3], num_classes=5),
        students=("student", "student_stages"),
        teachers=("teacher", "teacher_stages"),
        divergence=False,
        gradcheck=False,
        refusals=(
            CLASS,
            FEW,
            Refusal("no labels", lambda i: {**i, "target": None}, "expected a target"),
            Refusal("no stages of the teacher", lambda i: {**i, "teacher_stages": None}, "expected teacher_stages"),
            Refusal("a stage missing", change("student_stages", lambda s: s[1:]), "expected 2 stages of the student"),
            Refusal("a stage too few", change("teacher_stages", lambda s: s[1:]), "expected 2 stages of the teacher"),
        ),
        why="gradcheck: the review holds the student's own final scores constant",
    ),
]

PARITY = []
