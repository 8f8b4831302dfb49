"""Distillation of a detector's maps with objects and background apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.losses.base import ShapedLoss, full_precision
from common.losses.checks import check_shape, check_temperature

ImageSize = tuple[float, float] | Tensor  # height and width; an array of numpy will do as well


class FGDLoss(ShapedLoss):
    r"""Focal and global distillation [0]: what a detector sees in objects, around them, and between them.

    With spatial and channel attention of a map F at temperature T,

    .. math::
        A^S_i = H W \, \sigma_i\Big(\frac{1}{C T} \sum_c |F_{ci}|\Big), \qquad
        A^C_c = C \, \sigma_c\Big(\frac{1}{H W T} \sum_i |F_{ci}|\Big),

    a mask :math:`M^f` that holds 1 / area of the smallest box over a position, a mask :math:`M^b` that is uniform
    over the rest and sums to 1, and a learned global context block R on either side,

    .. math::
        L_{fg} &= \alpha \sum_{c,i} M^f_i A^{S,t}_i A^{C,t}_c (t_{ci} - s_{ci})^2, \qquad
        L_{bg} = \beta \sum_{c,i} M^b_i A^{S,t}_i A^{C,t}_c (t_{ci} - s_{ci})^2 \\
        L_{at} &= \gamma \Big(\sum_i |A^{S,t}_i - A^{S,s}_i| + \sum_c |A^{C,t}_c - A^{C,s}_c|\Big), \qquad
        L_{re} = \lambda \sum_{c,i} \big(R_t(t) - R_s(s)\big)_{ci}^2

    each summed over the map and averaged over the batch. R adds to each position a transform of the map's attention
    pooled feature; its last layer starts at 0.

    For a pyramid there is one module a level. The default weights are those of the authors' configurations of
    RetinaNet and GFL; FCOS has temperature 0.8 and weights (1.6e-3, 8e-4, 8e-4, 8e-6), RepPoints the same weights
    at 0.5, and two-stage detectors (5e-5, 2.5e-5, 5e-5, 5e-7). Their class itself defaults to gamma 1e-3.

    Args:
        channels: width of the maps; taken from the shapes where left out. A student of another width is projected
            beforehand, as by the 1x1 convolution in the authors' class.
        temperature: T of the attentions.
        alpha_fgd: weight of foregrounds.
        beta_fgd: weight of backgrounds.
        gamma_fgd: weight of attentions.
        lambda_fgd: weight of relations.

    Raises:
        ValueError: if there are fewer than 4 channels, or the temperature is not above 0.

    [0] Yang et al., Focal and Global Knowledge Distillation for Detectors, CVPR 2022.
    """

    adapter = "auto"

    def __init__(
        self,
        channels: int | None = None,
        temperature: float = 0.5,
        alpha_fgd: float = 1e-3,
        beta_fgd: float = 5e-4,
        gamma_fgd: float = 5e-4,
        lambda_fgd: float = 5e-6,
    ):
        check_temperature(temperature)
        self.temperature = temperature
        self.alpha_fgd, self.beta_fgd = alpha_fgd, beta_fgd
        self.gamma_fgd, self.lambda_fgd = gamma_fgd, lambda_fgd
        super().__init__(channels=channels)

    def widths(self, teacher: torch.Size, **_: torch.Size) -> Mapping[str, int]:
        return {"channels": teacher[1]}

    def make_layers(self, channels: int) -> None:
        self.student_context = GlobalContext(channels)
        self.teacher_context = GlobalContext(channels)

    @full_precision
    def forward(
        self,
        student: Tensor,
        teacher: Tensor,
        boxes: Sequence[Tensor],
        image_size: ImageSize | Sequence[ImageSize],
    ) -> dict[str, Tensor]:
        """``loss_foreground``, ``loss_background``, ``loss_attention`` and ``loss_relation``, weighted scalars.

        Args:
            student: feature map, shape ``(B, C, H, W)``.
            teacher: same shape; no gradient flows into it, but its context block learns.
            boxes: for each image the corners x1, y1, x2, y2 of its objects in image pixels, shape ``(n, 4)``, where
                n may be 0.
            image_size: height and width in pixels of what a map covers, of all images or a list with those of each.
                The authors give the size before padding, which stretches boxes where there is any.

        Raises:
            RuntimeError: if there are no layers yet.
            ValueError: if shapes or sizes do not fit, or, on the CPU, a box ends before it begins; elsewhere, where
                looking would stall the queue, such a box covers nothing, or little.
        """
        self.check_built()
        sizes = check_shape("student map", student, "B C H W", {"C": self.student_context.channels})
        check_shape("teacher map", teacher, "B C H W", sizes)
        teacher = teacher.detach()
        if len(boxes) != sizes["B"]:
            raise ValueError(f"expected boxes of {sizes['B']} images but found those of {len(boxes)}")
        foreground, background = fgd_masks([each.to(student) for each in boxes], image_size, student.shape[2:])
        spatial, channel = zip(*(fgd_attention(each, self.temperature) for each in (student, teacher)), strict=True)
        error = ((student - teacher).square() * channel[1][:, :, None, None]).sum(dim=1) * spatial[1]
        attention_error = (spatial[0] - spatial[1]).abs().sum() + (channel[0] - channel[1]).abs().sum()
        relation_error = (self.student_context(student) - self.teacher_context(teacher)).square().sum()
        losses = {
            "loss_foreground": self.alpha_fgd * (foreground * error).sum(),
            "loss_background": self.beta_fgd * (background * error).sum(),
            "loss_attention": self.gamma_fgd * attention_error,
            "loss_relation": self.lambda_fgd * relation_error,
        }
        return {name: loss / len(student) for name, loss in losses.items()}


class GlobalContext(nn.Module):
    """Global context block: adds to each position a transform of the attention-pooled map, ``(B, C, H, W)``."""

    def __init__(self, channels: int):
        super().__init__()
        if channels < 4:  # the layer norm of a single number is 0 whatever it is
            raise ValueError(f"expected at least 4 channels but found {channels}")
        self.channels = channels
        self.attend = nn.Conv2d(channels, 1, 1)
        self.transform = nn.Sequential(
            nn.Conv2d(channels, channels // 2, 1),
            nn.LayerNorm([channels // 2, 1, 1]),
            nn.ReLU(),
            nn.Conv2d(channels // 2, channels, 1),
        )
        nn.init.kaiming_normal_(self.attend.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(self.attend.bias)
        nn.init.zeros_(self.transform[-1].weight)
        nn.init.zeros_(self.transform[-1].bias)

    def forward(self, features: Tensor) -> Tensor:
        """The map with its context added."""
        share = self.attend(features).flatten(2).softmax(dim=2)
        context = (features.flatten(2) * share).sum(dim=2)
        return features + self.transform(context[:, :, None, None])


def fgd_attention(features: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Spatial attention ``(B, H, W)`` and channel attention ``(B, C)`` of a map; each has the mean 1."""
    size = features.abs()
    spatial = size.mean(dim=1).flatten(1)
    channel = size.mean(dim=(2, 3))
    spatial, channel = (F.softmax(each / temperature, dim=1) * each.shape[1] for each in (spatial, channel))
    return spatial.view_as(features[:, 0]), channel


@torch.no_grad()
def fgd_masks(
    boxes: Sequence[Tensor], image_size: ImageSize | Sequence[ImageSize], size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Foreground and background masks of `FGDLoss` on a grid of ``size``, both ``(B, H, W)``.

    A box covers the cells from the one of its upper left corner to the one after that of its lower right corner,
    inclusive as in the authors' code, and its area counts cells beyond the border too.

    >>> box = torch.tensor([[2.0, 0.0, 5.0, 3.0]])  # columns 1..3 and rows 0..2 of cells of 2 pixels
    >>> foreground, background = fgd_masks([box], (8, 8), (4, 4))
    >>> (9 * foreground[0, :, 1]).tolist(), (7 * background[0, :, 1]).tolist()
    ([1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0])
    """
    sizes = _image_sizes(image_size, len(boxes))
    foreground = torch.stack([_box_weights(each, *of, size) for each, of in zip(boxes, sizes, strict=True)])
    background = (foreground == 0).to(foreground.dtype)
    return foreground, background / background.sum(dim=(1, 2), keepdim=True).clamp(min=1)


def _image_sizes(image_size: ImageSize | Sequence[ImageSize], count: int) -> list[Sequence[float]]:
    """Height and width of each of ``count`` images."""
    sizes = [_as_numbers(each) for each in _as_numbers(image_size)]
    if all(isinstance(each, (int, float)) for each in sizes):
        sizes = [sizes] * count
    if len(sizes) != count:
        raise ValueError(f"expected one image_size, or those of {count} images, but found {len(sizes)}")
    for each in sizes:
        if isinstance(each, (int, float)) or len(each) != 2 or not (each[0] > 0 and each[1] > 0):
            raise ValueError(f"expected an image_size of a height and a width above 0 but found {each}")
    return sizes


def _as_numbers(value: Any) -> Any:
    """What a tensor or array of numpy holds, as numbers and lists; anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def _box_weights(boxes: Tensor, image_height: float, image_width: float, size: tuple[int, int]) -> Tensor:
    """1 / area of the smallest of the boxes ``(n, 4)`` over each cell, or 0."""
    _check_boxes(boxes)
    area, inside = 1, []
    for axis, (pixels, cells) in enumerate(((image_width, size[1]), (image_height, size[0]))):
        low = (boxes[:, axis] / pixels * cells).floor()
        high = (boxes[:, axis + 2] / pixels * cells).ceil()
        area = area * (high - low + 1)
        at = torch.arange(cells, device=boxes.device)
        inside.append((at >= low[:, None]) & (at <= high[:, None]))
    weights = inside[1][:, :, None] * inside[0][:, None, :] / area[:, None, None].clamp(min=1)
    return torch.cat([weights.new_zeros(1, *size), weights]).amax(dim=0)


def _check_boxes(boxes: Tensor) -> None:
    if boxes.dim() != 2 or boxes.shape[1] != 4:
        raise ValueError(f"expected boxes of shape (n, 4) but found {tuple(boxes.shape)}")
    if boxes.device.type != "cpu" or torch.compiler.is_compiling():
        return
    proper = (boxes[:, :2] <= boxes[:, 2:]).all(dim=1)
    if not proper.all():
        found = boxes[~proper][0].tolist()
        raise ValueError(f"expected boxes of corners x1, y1, x2, y2 with x1 <= x2 and y1 <= y2 but found {found}")
