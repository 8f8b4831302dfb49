"""Metric learning between embeddings."""

import torch

from catalogue.base import Invariance, LossEntry, Refusal, random


def _embeddings(batch):
    labels = torch.tensor([0, 1, 1, 2])[:batch]
    return {"student": random(batch, 4), "teacher": random(batch, 4, seed=1), "labels": labels}


def _boundary(batch):
    return {
        **_embeddings(batch),
        "negatives": random(5, 4, seed=2),
        "negative_labels": torch.tensor([0, 1, 2, 3, 4]),
        "boundary_labels": torch.tensor([1, 2, 0, 1])[:batch],
    }


def _apart(inputs):
    """Student and teacher at the corners of a wide cube by class."""
    corners = 100 * torch.eye(8, 4, dtype=torch.float64)
    corners[4:] = 100.0 * torch.arange(2, 6, dtype=torch.float64)[:, None]
    place = corners[inputs["labels"]]
    apart = {**inputs, "student": place, "teacher": place}
    return {**apart, "negatives": corners[inputs["negative_labels"]]} if "negatives" in inputs else apart


def _moved(inputs):
    names = ("student", "teacher", "negatives")
    return {name: value + 3 if name in names else value for name, value in inputs.items()}


TOGETHER = Invariance("a shift of all embeddings", _moved)
LABELS = Refusal("too few labels", lambda i: {**i, "labels": i["labels"][:-1]}, "expected 3 labels but found 2")
SCORES = Refusal("labels that are scores", lambda i: {**i, "labels": i["labels"].double()}, "integer labels")
DISTANCE = Refusal("an unknown distance", lambda i: {**i, "distance": "manhattan"}, "sqeuclidean, euclidean, cosine")
MINING = Refusal("an unknown mining", lambda i: {**i, "mining": "soft"}, "one of hard, all but found 'soft'")

LOSSES = [
    LossEntry(
        "triplet_distillation_loss",
        _embeddings,
        equal=_apart,
        invariances=(TOGETHER,),
        refusals=(
            LABELS,
            SCORES,
            DISTANCE,
            MINING,
            Refusal("unknown negatives", lambda i: {**i, "negatives": "both"}, "one of teacher, student but found"),
        ),
        options={"margin": 2.0, "mining": "all", "distance": "cosine", "negatives": "student"},
    ),
    LossEntry(
        "pair_distillation_loss",
        _embeddings,
        equal=_apart,
        invariances=(TOGETHER,),
        refusals=(
            LABELS,
            SCORES,
            DISTANCE,
            Refusal("unknown positives", lambda i: {**i, "positives": "all"}, "one of sample, class but found 'all'"),
        ),
        options={"margin": 0.5, "positives": "class", "distance": "cosine"},
    ),
    LossEntry(
        "amkd_loss",
        _boundary,
        teachers=("teacher", "negatives"),
        equal=_apart,
        invariances=(TOGETHER,),
        refusals=(
            LABELS,
            SCORES,
            DISTANCE,
            MINING,
            Refusal("negatives of another width", lambda i: {**i, "negatives": random(5, 3)}, r"found \(5, 3\)"),
            Refusal(
                "too few labels of negatives",
                lambda i: {**i, "negative_labels": i["negative_labels"][1:]},
                "expected 5 negative_labels but found 4",
            ),
        ),
        options={"margin": 2.0, "mining": "all", "distance": "cosine"},
    ),
]

PARITY = []
