"""The scale of IQ frames, as a layer: what a network was trained with is exported along with it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from common.errors import ConfigError

MODES = ("rms", "l2", "l1", "none")
# A silent frame stays silent: amplitudes below this are not amplified to full scale.
SMALLEST = 1e-12


class IQNormalize(nn.Module):
    r"""Divides every frame by its size over all samples :math:`x_n = I_n + jQ_n`.

    ===========  ==========================================================  =================================
    mode         size                                                        after it
    ===========  ==========================================================  =================================
    ``'rms'``    :math:`\sqrt{\frac1L \sum_n |x_n|^2}`                       mean power 1
    ``'l2'``     :math:`\sqrt{\sum_n |x_n|^2}`                               energy 1
    ``'l1'``     :math:`\sum_n |x_n|`                                        as the files of RadioML 2016 are
    ``'none'``   1                                                           what the receiver gave
    ===========  ==========================================================  =================================

    Args:
        mode: one of the above.

    Raises:
        ConfigError: for another mode.
    """

    def __init__(self, mode: str = "rms"):
        super().__init__()
        if mode not in MODES:
            raise ConfigError(f"expected a normalisation {', '.join(map(repr, MODES))} but found {mode!r}")
        self.mode = mode

    def forward(self, frames: Tensor) -> Tensor:
        """Normalise ``frames``, shape ``(B, 2, L)`` with I in row 0 and Q in row 1, in at least 32 bits."""
        if self.mode == "none":
            return frames
        if frames.dtype in (torch.float16, torch.bfloat16):
            frames = frames.float()  # squares of small amplitudes vanish in half precision
        power = frames.square().sum(dim=1, keepdim=True)
        if self.mode == "l1":
            # The root has no slope at zero power: a gradient through a silent sample would be NaN.
            size = power.clamp_min(SMALLEST**2).sqrt().sum(dim=2, keepdim=True)
        else:
            energy = power.mean(dim=2, keepdim=True) if self.mode == "rms" else power.sum(dim=2, keepdim=True)
            size = energy.clamp_min(SMALLEST**2).sqrt()
        return frames / size

    def extra_repr(self) -> str:
        """The mode, for ``repr``."""
        return f"mode={self.mode!r}"
