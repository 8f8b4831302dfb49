"""CRD."""

import torch
import torch.nn.functional as F

from catalogue.base import LossEntry, Parity, Refusal, labels, random
from common.losses import CRDLoss


def crd_loss(case, dtype=torch.float64):
    """A loss with a golden case's weights, memories and hyperparameters."""
    loss = CRDLoss(
        case.hp("n_data"),
        case["student"].shape[1],
        case["teacher"].shape[1],
        feat_dim=case.hp("feat_dim"),
        num_negatives=case.hp("nce_k"),
        temperature=case.hp("nce_t"),
        momentum=case.hp("nce_m"),
        eps=case.hp("eps"),
    ).to(dtype)
    weights = {f"embed_student.{name}": value for name, value in case.weights("embed_s.linear").items()}
    weights |= {f"embed_teacher.{name}": value for name, value in case.weights("embed_t.linear").items()}
    memories = {"student_memory": case["memory_v1"], "teacher_memory": case["memory_v2"]}
    loss.load_state_dict({**loss.state_dict(), **weights, **memories})
    return loss


def _crd(case):
    """From the embeddings on, for the reference lets a gradient into the teacher's features and the loss does not."""
    embeddings = [
        F.normalize(F.linear(case[name], case[f"w.embed_{short}.linear.weight"], case[f"w.embed_{short}.linear.bias"]))
        for name, short in (("student", "s"), ("teacher", "t"))
    ]
    return crd_loss(case).contrast(*embeddings, case["index"], case["contrast_index"])


def _inputs(batch):
    index = torch.tensor([4, 0, 11])[:batch]
    return {
        "student": random(batch, 3),
        "teacher": random(batch, 5, seed=1),
        "index": index,
        "contrast_index": torch.cat((index[:, None], labels(batch, 7, classes=12)), dim=1),
    }


def _loss_that_has_seen_a_batch():
    loss = CRDLoss(12, 3, 5, feat_dim=4, num_negatives=7, temperature=0.5)
    loss.log_z.copy_(torch.tensor([2.5, 3.0]))
    loss.has_z.fill_(True)
    return loss.eval()


LOSSES = [
    LossEntry(
        "CRDLoss",
        _inputs,
        make=_loss_that_has_seen_a_batch,
        divergence=False,
        refusals=(
            Refusal(
                "an index behind the last",
                lambda i: {**i, "index": torch.tensor([4, 0, 12])},
                r"expected index within 0\.\.11 but found \[12\]",
            ),
            Refusal(
                "a negative index",
                lambda i: {**i, "contrast_index": i["contrast_index"] - 1},
                r"expected contrast_index within 0\.\.11 but found \[-1\]",
            ),
            Refusal(
                "indices that are no integers",
                lambda i: {**i, "index": i["index"].double()},
                r"expected index of integers of shape \(3,\) but found torch.float64",
            ),
            Refusal(
                "too few negatives",
                lambda i: {**i, "contrast_index": i["contrast_index"][:, :-1]},
                r"expected contrast_index of integers of shape \(3, 8\) but found torch.int64 \(3, 7\)",
            ),
            Refusal(
                "another sample in front",
                lambda i: {**i, "contrast_index": i["contrast_index"].roll(1, 0)},
                "expected index as the first column of contrast_index",
            ),
            Refusal(
                "features of another width",
                lambda i: {**i, "student": i["teacher"]},
                r"expected student features of shape \(B, D\) = \(3, 3\) but found \(3, 5\)",
            ),
        ),
        why="a contrast with drawn negatives: equal features of the networks are not at a loss of 0",
    ),
]

PARITY = [
    Parity(
        "CRDLoss",
        "crd",
        "HobbitLong/RepDistiller crd/criterion.py, crd/memory.py",
        _crd,
        "sum over the positive and the negatives, mean over samples, both directions added",
        remark="the constants Z of the first batch carry no gradient; mmrazor ignores loss_weight",
    ),
]
