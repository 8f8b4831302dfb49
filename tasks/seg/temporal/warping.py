"""Maps of one frame brought onto another along the optical flow, and where that can be trusted."""

from __future__ import annotations

import torch
from torch import Tensor

from common.losses.base import HALF
from common.losses.checks import check_shape

MODES = ("bilinear", "nearest")
FORMS = ("signed", "absolute")


def warp(x: Tensor, flow: Tensor, mode: str = "bilinear") -> Tensor:
    r"""Backward warping [0]: what lies at the end of each pixel's flow.

    .. math:: \mathrm{out}(p) = x(p + f(p))

    Beyond the frame its border is repeated. The flow may be of any finite length. Where it is not finite there is an
    error on the CPU; elsewhere, where looking would stall the queue, bilinear warping gives NaN there, so that a loss
    says so, and nearest warping looks nevertheless.

    This is not torch's ``grid_sample``, whose coordinates from -1 to 1 miss whole pixels by some 1e-5 in float32:
    here a flow of 0 gives ``x`` and one of whole pixels a shift, to the last bit.

    Args:
        x: maps of the frame that the flow leads to, shape ``(B, C, H, W)``; for ``'nearest'`` of any type.
        flow: (u right, v down) in pixels, shape ``(B, 2, H, W)``.
        mode: ``'bilinear'``, differentiable in ``x`` and ``flow``; or ``'nearest'``, the pixel at floor(p + f + 1/2),
            for labels, differentiable in ``x``.

    Returns:
        Shape and type of ``x``.

    Raises:
        ValueError: if the shapes do not fit, the mode is unknown, ``x`` is not floating for ``'bilinear'``, or the flow
            is not finite.

    >>> warp(torch.tensor([[[[1.0, 2.0, 4.0]]]]), torch.tensor([[[[0.0, 0.5, 1.0]], [[0.0, 0.0, 0.0]]]]))
    tensor([[[[1., 3., 4.]]]])

    [0] The rule of FlowNet 2.0's resampling: Ilg et al., FlowNet 2.0: Evolution of Optical Flow Estimation with Deep
    Networks, CVPR 2017.
    """
    if mode not in MODES:
        raise ValueError(f"expected mode to be one of {MODES} but found {mode!r}")
    if x.dim() != 4 or 0 in x.shape:
        raise ValueError(f"expected maps of shape (B, C, H, W) with no empty axis but found {tuple(x.shape)}")
    batch, _, height, width = x.shape
    check_shape("flow", flow, "B 2 H W", {"B": batch, "2": 2, "H": height, "W": width})
    if mode == "bilinear" and not x.is_floating_point():
        raise ValueError(f"expected floating-point maps but found {x.dtype}; labels are warped with mode='nearest'")
    check_finite_flow(flow, on_all_devices=mode == "nearest")
    columns, rows = _ends(x, flow)
    if mode == "nearest":
        column = (columns + 0.5).floor().clamp(0, width - 1).long()
        row = (rows + 0.5).floor().clamp(0, height - 1).long()
        return _pixels(x, row, column)
    values = x.float() if x.dtype in HALF else x
    return _between(values, rows.clamp(0, height - 1), columns.clamp(0, width - 1), flow).to(x.dtype)


def check_finite_flow(flow: Tensor, on_all_devices: bool = True) -> None:
    """Refuse flow ``(B, 2, H, W)`` that holds NaN or infinity with a ValueError that tells how much."""
    if torch.compiler.is_compiling() or (flow.device.type != "cpu" and not on_all_devices):
        return
    finite = torch.isfinite(flow)
    if not finite.all():
        bad = int((~finite).any(dim=1).sum())
        raise ValueError(
            f"expected finite flow but found NaN or infinity at {bad} of {finite[:, 0].numel()} pixels; give unknown "
            "flow a number, and leave such pixels out by a mask where one is taken"
        )


def _ends(x: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Columns and rows that the flow leads to, ``(B, H, W)``, in float32 or better."""
    dtype = torch.promote_types(flow.dtype, torch.float32)
    if x.is_floating_point():
        dtype = torch.promote_types(dtype, x.dtype)
    height, width = flow.shape[2:]
    flow = flow.to(dtype)
    columns = torch.arange(width, dtype=dtype, device=flow.device) + flow[:, 0]
    rows = torch.arange(height, dtype=dtype, device=flow.device)[:, None] + flow[:, 1]
    return columns, rows


def _between(x: Tensor, rows: Tensor, columns: Tensor, flow: Tensor) -> Tensor:
    """Bilinear samples of ``x`` at rows and columns ``(B, H, W)`` inside the frame."""
    upper, left = (each.detach().floor().nan_to_num(0).long() for each in (rows, columns))
    lower = (upper + 1).clamp(max=x.shape[2] - 1)
    right = (left + 1).clamp(max=x.shape[3] - 1)
    # 0 for a finite flow; clamping would hide an infinite one.
    nothing = 0 * flow
    across = (columns - left + nothing[:, 0])[:, None].to(x.dtype).expand_as(x)
    down = (rows - upper + nothing[:, 1])[:, None].to(x.dtype).expand_as(x)
    above = torch.lerp(_pixels(x, upper, left), _pixels(x, upper, right), across)
    below = torch.lerp(_pixels(x, lower, left), _pixels(x, lower, right), across)
    return torch.lerp(above, below, down)


def _pixels(x: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """The pixels of ``x`` ``(B, C, H, W)`` at integer rows and columns ``(B, H, W)``."""
    place = (row * x.shape[3] + column).flatten(1)[:, None]
    return x.flatten(2).gather(2, place.expand(-1, x.shape[1], -1)).view_as(x)


def occlusion_weight(image: Tensor, warped: Tensor, form: str = "signed") -> Tensor:
    r"""How far a pixel is still in view in the other frame, by what its colour there looks like [0].

    .. math:: V(p) = \exp\Big(-\Big| \sum_c \big(I_c(p) - \hat I_c(p)\big) \Big|\Big)

    The sum is of signed differences, as in the authors' code: a pixel that is redder and as much less green counts as
    the same. ``form='absolute'`` sums the absolute differences of the channels.

    Args:
        image: frame t as the network sees it, shape ``(B, 3, H, W)``; normalised with ImageNet's mean and deviation in
            [0]. The weight depends on that scale.
        warped: the other frame, warped to t, same shape.
        form: ``'signed'`` or ``'absolute'``.

    Returns:
        Shape ``(B, 1, H, W)``, in (0, 1], 1 where the colours agree.

    Raises:
        ValueError: if the shapes differ or the form is unknown.

    >>> occlusion_weight(torch.tensor([[[[1.0]], [[0.0]], [[0.0]]]]), torch.tensor([[[[0.0]], [[0.5]], [[0.0]]]]))
    tensor([[[[0.6065]]]])

    [0] Liu et al., Efficient Semantic Video Segmentation with Per-frame Inference, ECCV 2020.
    """
    if form not in FORMS:
        raise ValueError(f"expected form to be one of {FORMS} but found {form!r}")
    sizes = check_shape("image", image, "B C H W")
    check_shape("warped image", warped, "B C H W", sizes)
    difference = image - warped
    if form == "absolute":
        return torch.exp(-difference.abs().sum(dim=1, keepdim=True))
    return torch.exp(-difference.sum(dim=1, keepdim=True).abs())
