"""Distillation of a map's detail by frequency."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.base import FunctionLoss, loss_function
from common.losses.checks import check_shape


@loss_function(adapter="auto")
def wavelet_loss(student: Tensor, teacher: Tensor, depth: int = 3) -> Tensor:
    r"""Match the detail of maps at several scales: FreeKD-style [0], without its prompts.

    .. math:: \sum_{j=1}^{J} \frac{1}{3 |D_j|} \sum_{d \in \{H, V, D\}} \big\| D_{j,d}(s) - D_{j,d}(t) \big\|_1

    with the horizontal, vertical and diagonal detail of the j-th step of an orthonormal Haar wavelet transform. Half
    the sum of each 2x2 block goes on to the next step, and what is left after the last is not compared.

    FreeKD weights the bands by masks from prompts, which are learnt on the teacher beforehand; this is its loss with
    all masks at 1, and no reproduction of the method. Its code names its three tensors after the directions H, V and
    D, but takes the three steps for them; the sum is the same as here.

    Args:
        student: feature map, shape ``(B, C, H, W)``.
        teacher: same shape; no gradient flows into it.
        depth: number of steps J; FreeKD's code has 3. Odd sides get a row or column of zeros, as there.

    Returns:
        Scalar, 0 where the maps agree up to a constant per block of :math:`2^J \times 2^J`.

    Raises:
        ValueError: if the shapes differ, or the depth is below 1.

    >>> import torch
    >>> student = torch.tensor([[[[3.0, 1.0], [3.0, 1.0]]]])  # detail in one of three bands: (3 + 3 - 1 - 1) / 2
    >>> wavelet_loss(student, torch.zeros(1, 1, 2, 2), depth=1)
    tensor(0.6667)

    [0] Zhang et al., FreeKD: Knowledge Distillation via Semantic Frequency Prompt, CVPR 2024.
    """
    if depth < 1:
        raise ValueError(f"expected a depth of at least 1 but found {depth}")
    sizes = check_shape("student map", student, "B C H W")
    check_shape("teacher map", teacher, "B C H W", sizes)
    rest, loss = student - teacher.detach(), 0  # the transform is linear
    for _ in range(depth):
        rest, detail = haar_step(rest)
        loss = loss + detail.abs().mean()
    return loss


def haar_step(features: Tensor) -> tuple[Tensor, Tensor]:
    """One step of the orthonormal Haar transform of ``(B, C, H, W)``.

    Returns:
        the approximation ``(B, C, h, w)`` and the horizontal, vertical and diagonal detail ``(B, C, 3, h, w)``,
        with sides half as long, rounded up.
    """
    features = F.pad(features, (0, features.shape[3] % 2, 0, features.shape[2] % 2))
    top, bottom = features[:, :, ::2], features[:, :, 1::2]
    (a, b), (c, d) = ((row[..., ::2], row[..., 1::2]) for row in (top, bottom))
    detail = ((a + b - c - d) / 2, (a - b + c - d) / 2, (a - b - c + d) / 2)
    return (a + b + c + d) / 2, torch.stack(detail, dim=2)


class WaveletLoss(FunctionLoss, function=wavelet_loss):
    """Module over `wavelet_loss`; ``forward(student, teacher)``."""
