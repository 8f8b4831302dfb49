"""Distillers of toy networks, and steps of their training."""

import torch
from mmengine.optim import OptimWrapper
from toys import labelled_batch

from common.distiller import Distiller
from common.registry import EXAMPLES

INPUTS, SAMPLES = labelled_batch()
TAPS = {"logits": "head", "features": "body"}
KD = {"type": "KDLoss", "student": "logits", "teacher": "logits"}
CWD = {"type": "CWDLoss", "student": "features", "teacher": "features"}


@EXAMPLES.register_module(force=True)
def toy_example(model):
    inputs, data_samples = labelled_batch(seed=1)
    return {"inputs": inputs, "data_samples": data_samples}


def make(seed=0, teacher_width=8, taps=None, losses=None, student=None, teacher=None, **options):
    torch.manual_seed(seed)
    return Distiller(
        student={"type": "ToySegmentor", **(student or {})},
        teachers={
            "teacher": {
                "model": {"type": "ToySegmentor", "width": teacher_width},
                "checkpoint": None,
                **(teacher or {}),
            }
        },
        taps=TAPS if taps is None else taps,
        losses={"kd": KD, "cwd": CWD} if losses is None else losses,
        **options,
    )


def step(model, lr=0.1):
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=lr))
    return model.train_step({"inputs": INPUTS, "data_samples": SAMPLES}, optimizer)
