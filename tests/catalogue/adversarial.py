"""Adversarial terms, on a critic's scores of the teacher's maps (real) and the student's (fake)."""

from catalogue.base import LossEntry, random


def _fake(batch):
    return {"fake": random(batch, 1, 2, 3, seed=1)}


def _both(batch):
    return {"real": random(batch, 1, 2, 3), **_fake(batch)}


LOSSES = [
    *(
        LossEntry(f"{form}_generator_loss", _fake, students=("fake",), teachers=(), divergence=False)
        for form in ("wgan", "hinge", "lsgan")
    ),
    *(
        LossEntry(f"{form}_discriminator_loss", _both, students=("real", "fake"), teachers=(), divergence=False)
        for form in ("wgan", "hinge", "lsgan")
    ),
]

PARITY = []
