"""Every loss of `common.losses`: what it is called with, what holds for it, and what others return."""

from catalogue import adversarial, contrastive, dense, features, heads, logits, masks, metric, online, review
from catalogue.base import LossEntry, Parity

FAMILIES = (logits, dense, features, adversarial, metric, online, contrastive, masks, review, heads)
LOSSES: list[LossEntry] = [entry for family in FAMILIES for entry in family.LOSSES]
PARITY: list[Parity] = [entry for family in FAMILIES for entry in family.PARITY]
