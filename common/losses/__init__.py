"""Distillation losses: each a pure function and a module over it, needing torch alone.

Every function takes ``(student, teacher, …)``, detaches the teacher and computes in float32 under autocast or for
half inputs (float64 stays float64). Its module keeps the hyperparameters and is called with
``(student, teacher[, target])``. The attribute ``adapter`` of both says what may be put in front of the student
where its channels differ from the teacher's: ``'auto'`` a learned projection, None nothing (class scores must
mean the same classes).
"""

from common.losses.bpkd import BPKDLoss, bpkd_edge_masks, bpkd_loss
from common.losses.channel import CWDLoss, cwd_loss
from common.losses.logits import KDLoss, kd_loss

__all__ = ["BPKDLoss", "CWDLoss", "KDLoss", "bpkd_edge_masks", "bpkd_loss", "cwd_loss", "kd_loss"]
