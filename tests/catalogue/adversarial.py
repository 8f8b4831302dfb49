"""Adversarial terms, on a critic's scores of the teacher's maps (real) and the student's (fake)."""

from catalogue.base import LossEntry, Refusal, change, random
from common.losses import FeatureGANLoss, LogitGANLoss

_OTHER_WIDTH = Refusal(
    "a teacher of another width", change("teacher", lambda t: t[:, :1]), r"expected teacher map of shape"
)


def _fake(batch):
    return {"fake": random(batch, 1, 2, 3, seed=1)}


def _maps(batch):
    return {"student": random(batch, 2, 4, 4), "teacher": random(batch, 2, 4, 4, seed=1)}


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
    LossEntry(
        "FeatureGANLoss",
        _maps,
        make=lambda: FeatureGANLoss(2, 1, width=3),
        divergence=False,
        refusals=(_OTHER_WIDTH,),
        why="the student's term is a critic's answer, of no known sign",
    ),
    LossEntry(
        "LogitGANLoss",
        lambda batch: {"student": random(batch, 2, 8, 8), "teacher": random(batch, 2, 8, 8, seed=1)},
        make=lambda: LogitGANLoss(2, spectral_norm=False, widths=(3,), attention=()),
        divergence=False,
        refusals=(_OTHER_WIDTH,),
        why="the student's term is a critic's answer, of no known sign",
    ),
]

PARITY = []
