"""Losses that are numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from common.errors import UserError


class NonFiniteLossError(UserError):
    """A loss became NaN or infinite."""


def check_finite(losses: Mapping[str, Any], step: int) -> None:
    """Stop at a loss that is NaN or infinite.

    Raises:
        NonFiniteLossError: naming the losses and the step.
    """
    bad = [k for k, v in losses.items() if not torch.isfinite(torch.as_tensor(v, dtype=torch.float64)).all()]
    if bad:
        parts = [key for key in bad if key != "loss"] or bad
        raise NonFiniteLossError(
            f"{', '.join(parts)} became {' / '.join(str(float(losses[k])) for k in parts)} at step {step}; lower the "
            f"learning rate or this loss's weight, clip gradients, or check the inputs of that loss"
        )
