"""mmcv's compiled operators through torchvision, for installations of mmcv that lack them.

mmdet's models import ``mmcv.ops``, which imports the compiled module ``mmcv._ext``. A plain ``pip install``
of mmcv has no such module, or one compiled for another torch. `install` then puts a module of the same name
and the same function signatures in its place; where the compiled one works, it is left alone.

It has to come before the first import of mmdet, and of ``mmseg.models``, which imports mmdet: modules that found
no operators keep stand-ins that refuse to work, and a broken ``_ext`` stops mmseg's import altogether.

Gradients are taken by running torchvision's operator again in the backward pass, because mmcv calls forward
and backward separately and hands over nothing but tensors: a backward costs one forward more than the
compiled one.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

import torch
import torchvision
from torch import Tensor

from common.errors import UserError

EXTENSION = "mmcv._ext"


def install() -> str:
    """Make ``mmcv.ops``, and with it mmdet's models, work; to be called before mmdet or mmseg is imported.

    Says on stderr, once per process, why operators that are there do not load, and when it comes too late for mmdet.

    Returns:
        ``"compiled"`` where mmcv's own operators work, else ``"torchvision"``.
    """
    present = sys.modules.get(EXTENSION)
    if present is None:
        try:
            present = importlib.import_module(EXTENSION)
        except ImportError as error:  # absent, or built for another torch
            if not isinstance(error, ModuleNotFoundError):
                reason = f"mmcv has compiled operators that do not load ({error})"
                print(f"{reason}: torchvision's are used instead", file=sys.stderr)
            if any(name.startswith("mmdet.") for name in sys.modules):
                print(
                    "mmcv's operators come too late for mmdet, which is imported already: its detectors can't "
                    "predict; call common.mmcv_ops.install() before importing mmdet or mmseg.models",
                    file=sys.stderr,
                )
            present = _put_in_place()
    return "torchvision" if isinstance(present.__spec__.loader, _TorchvisionLoader) else "compiled"


def _put_in_place() -> ModuleType:
    mmcv = importlib.import_module("mmcv")
    # With a spec and a loader, because mmengine and mmcv ask importlib.util.find_spec and pkgutil for it.
    spec = importlib.machinery.ModuleSpec(EXTENSION, _TorchvisionLoader(), origin="torchvision")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[EXTENSION] = mmcv._ext = module
    return module


class _TorchvisionLoader:
    """Import loader whose module holds `OPERATORS`, and an explaining error under every other name."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        for operator in OPERATORS:
            setattr(module, operator.__name__, operator)
        module.__getattr__ = _missing


def _missing(name: str) -> Callable:
    """A stand-in for an operator that torchvision lacks: importing it is fine, calling it is not."""
    if name.startswith("_"):
        raise AttributeError(name)

    def refuse(*args, **kwargs):
        version = sys.modules["mmcv"].__version__
        raise UserError(
            f"expected mmcv's compiled operator {name!r} but found only those that torchvision supplies "
            f"({', '.join(operator.__name__ for operator in OPERATORS)}); choose a model that does without "
            "it, or build mmcv with its operators (a C++ compiler, about ten minutes): pip install "
            "--force-reinstall --no-deps --no-build-isolation --no-binary onedl-mmcv "
            f"onedl-mmcv=={version}"
        )

    return refuse


def _pull_back(function: Callable[..., Tensor], inputs: Sequence[Tensor], grad_output: Tensor) -> Sequence[Tensor]:
    """Gradients of ``sum(function(*inputs) * grad_output)`` with respect to each input."""
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        output = function(*leaves)
    return torch.autograd.grad(output, leaves, grad_output.to(output.dtype))


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Indices ``(K,)`` of the boxes ``(N, 4)`` that greedy suppression keeps, by falling score.

    ``offset`` 1 counts pixels inclusively: a box is ``x2 - x1 + 1`` wide.
    """
    inclusive = boxes + boxes.new_tensor([0, 0, offset, offset]) if offset else boxes
    return torchvision.ops.nms(inclusive, scores, iou_threshold)


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Soft suppression [0]: boxes that overlap a better one lose score instead of being removed.

    Args:
        boxes: ``(N, 4)``, x1, y1, x2, y2.
        scores: ``(N,)``.
        dets: ``(N, 5)``, overwritten: its first K rows become the kept boxes with their lowered scores.
        iou_threshold: overlap from which methods 0 and 1 act.
        sigma: width of the Gaussian of method 2.
        min_score: a box whose score falls below it is dropped.
        method: 0 removes (hard suppression), 1 multiplies by 1 - IoU, 2 by exp(-IoU^2 / sigma).
        offset: 1 counts pixels inclusively.

    Returns:
        Indices of the kept boxes ``(K,)``, by falling score.

    [0] Bodla et al., Soft-NMS: Improving Object Detection With One Line of Code, ICCV 2017.
    """
    inclusive = boxes + boxes.new_tensor([0, 0, offset, offset])
    remaining = torch.arange(len(boxes), device=boxes.device)
    scores = scores.clone()
    kept = []
    while len(remaining):
        position = int(scores[remaining].argmax())
        best = remaining[position]
        dets[len(kept)] = torch.cat([boxes[best], scores[best, None]])
        kept.append(int(best))
        remaining = torch.cat([remaining[:position], remaining[position + 1 :]])
        iou = torchvision.ops.box_iou(inclusive[best, None], inclusive[remaining])[0].nan_to_num()
        if method == 2:
            decay = torch.exp(-(iou**2) / sigma)
        else:
            decay = torch.where(iou >= iou_threshold, 1 - iou if method == 1 else 0.0, 1.0)
        scores[remaining] *= decay
        remaining = remaining[scores[remaining] >= min_score]
    return torch.tensor(kept, dtype=torch.long, device=boxes.device)


def _average_pooling_only(pool_mode: int) -> None:
    if pool_mode != 1:
        raise UserError(
            "expected RoIAlign with pool_mode='avg' but found 'max', which torchvision does not have; "
            "set pool_mode='avg' in the roi_layer of the config"
        )


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Write into ``output`` ``(K, C, h, w)`` the features ``(B, C, H, W)`` pooled over rois ``(K, 5)``."""
    _average_pooling_only(pool_mode)
    size = (aligned_height, aligned_width)
    rois = rois.to(input.dtype)
    output.copy_(torchvision.ops.roi_align(input, rois, size, spatial_scale, sampling_ratio, aligned))


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Write into ``grad_input`` ``(B, C, H, W)`` the gradient of `roi_align_forward`."""
    _average_pooling_only(pool_mode)
    size = (aligned_height, aligned_width)
    rois = rois.to(grad_input.dtype)

    def pooled(features: Tensor) -> Tensor:
        return torchvision.ops.roi_align(features, rois, size, spatial_scale, sampling_ratio, aligned)

    # Pooling is linear in the features, so its gradient is the same at any of them.
    (gradient,) = _pull_back(pooled, [torch.zeros_like(grad_input)], grad_output)
    grad_input.copy_(gradient)


def _v1_arguments(geometry: dict[str, int]) -> dict[str, tuple[int, int]]:
    """torchvision's arguments from those of mmcv's deformable convolution.

    torchvision reads kernel size and both group counts from the shapes.
    """
    names = {"stride": ("dH", "dW"), "padding": ("padH", "padW"), "dilation": ("dilationH", "dilationW")}
    return {argument: (geometry[height], geometry[width]) for argument, (height, width) in names.items()}


def _v2_arguments(geometry: dict[str, int]) -> dict[str, tuple[int, int]]:
    """As `_v1_arguments`, for the names that mmcv uses in the modulated convolution."""
    names = {"stride": "stride", "padding": "pad", "dilation": "dilation"}
    return {argument: (geometry[f"{name}_h"], geometry[f"{name}_w"]) for argument, name in names.items()}


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    **geometry: int,
) -> None:
    """Write the deformable convolution of ``input`` ``(B, C, H, W)`` into ``output``.

    ``columns`` and ``ones`` are buffers of mmcv's own kernels, unused here.
    """
    arguments = _v1_arguments(geometry)
    output.copy_(torchvision.ops.deform_conv2d(input, offset, weight, **arguments))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    weight: Tensor,
    columns: Tensor,
    **geometry: int,
) -> None:
    """Write the gradients of `deform_conv_forward` with respect to input and offset."""
    arguments = _v1_arguments(geometry)

    def convolved(input: Tensor, offset: Tensor) -> Tensor:
        return torchvision.ops.deform_conv2d(input, offset, weight, **arguments)

    for target, gradient in zip(
        (grad_input, grad_offset), _pull_back(convolved, [input, offset], grad_output), strict=True
    ):
        target.copy_(gradient)


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_weight: Tensor,
    columns: Tensor,
    ones: Tensor,
    scale: float,
    **geometry: int,
) -> None:
    """Add to ``grad_weight`` the gradient of `deform_conv_forward`, ``scale`` times."""
    arguments = _v1_arguments(geometry)

    def convolved(weight: Tensor) -> Tensor:
        return torchvision.ops.deform_conv2d(input, offset, weight, **arguments)

    # The convolution is linear in its weight, so the gradient is the same at any of them.
    (gradient,) = _pull_back(convolved, [torch.zeros_like(grad_weight)], grad_output)
    grad_weight.add_(gradient, alpha=scale)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    with_bias: bool,
    **geometry: int,
) -> None:
    """Write the deformable convolution with a mask per sampling point (DCN v2) into ``output``."""
    arguments = _v2_arguments(geometry)
    bias = bias if with_bias else None
    output.copy_(torchvision.ops.deform_conv2d(input, offset, weight, bias, mask=mask, **arguments))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    with_bias: bool,
    **geometry: int,
) -> None:
    """Write the gradients of `modulated_deform_conv_forward` with respect to all of its inputs."""
    arguments = _v2_arguments(geometry)

    def convolved(input: Tensor, offset: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        return torchvision.ops.deform_conv2d(input, offset, weight, mask=mask, **arguments)

    gradients = _pull_back(convolved, [input, offset, mask, weight], grad_output)
    for target, gradient in zip((grad_input, grad_offset, grad_mask, grad_weight), gradients, strict=True):
        target.copy_(gradient)
    if with_bias:
        grad_bias.copy_(grad_output.sum(dim=(0, 2, 3)))


def _sigmoid_focal(input: Tensor, target: Tensor, weight: Tensor, gamma: float, alpha: float) -> Tensor:
    one_hot = (target[:, None] == torch.arange(input.shape[1], device=target.device)).to(input.dtype)
    loss = torchvision.ops.sigmoid_focal_loss(input, one_hot, alpha=alpha, gamma=gamma)
    return loss * weight[target, None] if weight.numel() else loss


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Write the focal loss of every logit into ``output`` ``(N, C)``.

    Args:
        input: logits ``(N, C)``.
        target: class of each row ``(N,)``; any value outside 0..C-1 is background.
        weight: per class ``(C,)``, or empty.
        output: overwritten.
        gamma: exponent.
        alpha: weight of the positive logits; the others weigh 1 - alpha.
    """
    output.copy_(_sigmoid_focal(input, target, weight, gamma, alpha))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Write the gradient of the sum of `sigmoid_focal_loss_forward`."""

    def loss(logits: Tensor) -> Tensor:
        return _sigmoid_focal(logits, target, weight, gamma, alpha)

    (gradient,) = _pull_back(loss, [input], torch.ones_like(input))
    grad_input.copy_(gradient)


def _class_weight(target: Tensor, weight: Tensor) -> Tensor:
    """Weight of each row ``(N,)``: that of its class, and 0 for a row without one (negative label)."""
    labelled = target >= 0
    return labelled * weight[target.clamp(min=0)] if weight.numel() else labelled


def softmax_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    r"""Write :math:`-\alpha w_y (1 - p_y)^\gamma \log p_y` of each row into ``output`` ``(N,)``.

    ``input`` ``(N, C)`` holds probabilities, not logits; a negative ``target`` gives 0.
    """
    p = input.gather(1, target.clamp(min=0)[:, None])[:, 0]
    log_p = p.clamp(min=torch.finfo(p.dtype).tiny).log()
    output.copy_(-alpha * (1 - p) ** gamma * log_p * _class_weight(target, weight))


def softmax_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    buff: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    r"""Write the gradient with respect to the logits whose softmax ``input`` is.

    .. math::
        \alpha w_y \big(\gamma (1 - p_y)^{\gamma - 1} p_y \log p_y - (1 - p_y)^\gamma\big)
        (\delta_{cy} - p_c)
    """
    label = target.clamp(min=0)
    p = input.gather(1, label[:, None])[:, 0]
    log_p = p.clamp(min=torch.finfo(p.dtype).tiny).log()
    slope = alpha * (gamma * (1 - p) ** (gamma - 1) * p * log_p - (1 - p) ** gamma) * _class_weight(target, weight)
    one_hot = torch.zeros_like(input).scatter_(1, label[:, None], 1.0)
    grad_input.copy_(slope[:, None] * (one_hot - input))


def get_compiler_version() -> str:
    """What mmcv's environment report prints as its compiler."""
    return f"none (operators of torchvision {torchvision.__version__})"


def get_compiling_cuda_version() -> str:
    """What mmcv's environment report prints as the CUDA version of its operators."""
    return f"{torch.version.cuda} (operators of torchvision {torchvision.__version__})"


OPERATORS = (
    nms,
    softnms,
    roi_align_forward,
    roi_align_backward,
    deform_conv_forward,
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    modulated_deform_conv_forward,
    modulated_deform_conv_backward,
    sigmoid_focal_loss_forward,
    sigmoid_focal_loss_backward,
    softmax_focal_loss_forward,
    softmax_focal_loss_backward,
    get_compiler_version,
    get_compiling_cuda_version,
)
