"""The learning-rate schedule of the authors of KD-Loss."""

from __future__ import annotations

from typing import Any

from mmengine.optim import _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS

from common.errors import ConfigError


@PARAM_SCHEDULERS.register_module()
class TimeDecayLR(_ParamScheduler):
    r"""Keras's time decay of the learning rate: :math:`\eta_i = \eta_0 / (1 + d\, i)` at iteration i.

    Args:
        optimizer: the optimiser, or its wrapper.
        decay: d.
        others: ``begin``, ``end``, ``last_step``, ``by_epoch`` and ``verbose`` of the engine's schedulers.

    Raises:
        ConfigError: for a decay below 0.
    """

    def __init__(self, optimizer: Any, decay: float = 1e-4, **others: Any):
        if decay < 0:
            raise ConfigError(f"expected a decay of 0 or more but found {decay}")
        self.decay = decay
        super().__init__(optimizer=optimizer, param_name="lr", **others)

    def _get_value(self) -> list[float]:
        return [base / (1 + self.decay * self.last_step) for base in self.base_values]
