"""Distillation under soft masks that say where, or in which channels, to look."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from common.losses.base import FunctionLoss, full_precision, loss_function
from common.losses.checks import check_shape

DICE_FORMS = ("pairs", "literal")
NORMS = ("mask", "positions", "typeset")
# form of MasKD -> (added to the sum of the mask, factor)
MASKD_FORMS = {"detection": (1e-12, 1.0), "segmentation": (1e-5, 0.5)}


@loss_function()
def dice_diversity_loss(masks: Tensor, form: str = "pairs", eps: float = 1e-12) -> Tensor:
    r"""Dice overlap of the masks of a sample [0]: what drives them apart when it is minimised.

    .. math:: \frac{1}{M (M - 1)} \sum_{i \ne j}
        \frac{2 \langle m_i, m_j \rangle}{\|m_i\|^2 + \|m_j\|^2 + 2 \varepsilon}

    for ``form='pairs'``, the mean over ordered pairs, in [0, 1]. ``form='literal'`` is the quotient of sums that the
    formula of ACAM-KD [1] gives when it is read as it stands, as secondary sources print it,

    .. math::
        \frac{2 \sum_i \sum_{j \ne i} \langle m_i, m_j \rangle}{\sum_i \|m_i\|^2 + \sum_j \|m_j\|^2 + 2 \varepsilon}
        = \frac{\sum_{i \ne j} \langle m_i, m_j \rangle}{\sum_i \|m_i\|^2 + \varepsilon}

    in [0, M - 1]. Both are averaged over the batch and 0 for a single mask, where the code of [0] has 0/0.

    Args:
        masks: shape ``(B, M, *)``, each in 0..1.
        form: ``'pairs'`` or ``'literal'``.
        eps: added to each squared norm; that of the authors' code.

    Returns:
        Scalar.

    Raises:
        ValueError: if the masks have no axis to overlap on, or the form is unknown.

    >>> import torch
    >>> dice_diversity_loss(torch.tensor([[[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]]))  # 2 * 1 / (2 + 1)
    tensor(0.6667)

    [0] Huang et al., Masked Distillation with Receptive Tokens, ICLR 2023.
    [1] Lan and Tian, ACAM-KD: Adaptive and Cooperative Attention Masking for Knowledge Distillation, ICCV 2025.
    """
    if form not in DICE_FORMS:
        raise ValueError(f"expected form to be one of {DICE_FORMS} but found {form!r}")
    if masks.dim() < 3:
        raise ValueError(f"expected masks of shape (B, M, *) but found {tuple(masks.shape)}")
    count = check_shape("masks", masks, "B M *")["M"]
    masks = masks.flatten(2)
    overlap = masks @ masks.mT
    norms = overlap.diagonal(dim1=1, dim2=2)
    others = 1 - torch.eye(count, device=masks.device, dtype=masks.dtype)
    if form == "literal":
        return ((overlap * others).sum((1, 2)) / (norms.sum(1) + eps)).mean()
    dice = 2 * overlap / (norms[:, :, None] + norms[:, None, :] + 2 * eps)
    return (dice * others).sum((1, 2)).mean() / max(count * (count - 1), 1)


class DiceDiversityLoss(FunctionLoss, function=dice_diversity_loss):
    """Module over `dice_diversity_loss`; ``forward(masks)``."""


@loss_function(adapter="auto")
def masked_feature_loss(
    student: Tensor,
    teacher: Tensor,
    masks: Tensor,
    weights: Tensor | None = None,
    normalize: str = "mask",
    squared_mask: bool = True,
    eps: float = 1e-12,
) -> Tensor:
    r"""Squared differences of features under soft masks: the distillation term of MasKD [0] and ACAM-KD [1].

    With spatial masks m of each sample, over positions p and channels c,

    .. math:: \frac{1}{B M} \sum_{b,m} \frac{1}{N_{bm}} \cdot \frac{1}{C} \sum_{p,c} m_{bmp}^2 (s_{bcp} - t_{bcp})^2,
        \qquad N_{bm} = \varepsilon + \sum_p m_{bmp}

    The square of the mask is that of masked maps; the denominator has the plain mask, as in the code of [0]. With
    channel masks, positions and channels change places.

    Args:
        student: map, shape ``(B, C, H, W)``.
        teacher: same shape; no gradient flows into it.
        masks: spatial ``(B, M, H, W)`` or over channels ``(B, M, C)``. They get gradients; detach them where they
            must not be learnt from this loss, which a mask that looks away from the errors makes smaller.
        weights: weights of the masks, shape ``(B, M)``, for a weighted sum in place of the mean over M.
        normalize: what the sum over positions (or over channels, for masks over channels) is divided by: ``'mask'``
            the sum of the mask, as above; ``'positions'`` their number; ``'typeset'`` the inverse of the sum of the
            mask, that is multiplied by it, as secondary sources print [1]: there the loss grows with the cube of the
            mask, and no masks at all are its least value.
        squared_mask: whether the mask enters squared; False weighs the squared differences by the mask itself, so
            that ``normalize='mask'`` is a weighted mean.
        eps: added to the sum of the mask under ``'mask'``, so that an empty one gives 0; ours. The code of [0] has
            none for detection and 1e-5 for segmentation.

    Returns:
        Scalar, 0 where the two agree.

    Raises:
        ValueError: if the shapes do not fit each other or the normalisation is unknown.

    >>> import torch
    >>> student, teacher = torch.zeros(1, 1, 1, 2), torch.tensor([[[[2.0, 1.0]]]])
    >>> masked_feature_loss(student, teacher, torch.tensor([[[[0.5, 0.0]]]]))  # 0.5² * 2² / 0.5
    tensor(2.)

    [0] Huang et al., Masked Distillation with Receptive Tokens, ICLR 2023.
    [1] Lan and Tian, ACAM-KD: Adaptive and Cooperative Attention Masking for Knowledge Distillation, ICCV 2025.
    """
    if normalize not in NORMS:
        raise ValueError(f"expected normalize to be one of {NORMS} but found {normalize!r}")
    sizes = check_shape("student map", student, "B C H W")
    check_shape("teacher map", teacher, "B C H W", sizes)
    over_channels = masks.dim() == 3
    count = check_shape("masks", masks, "B M C" if over_channels else "B M H W", sizes)["M"]
    squares = (student - teacher.detach()).square()
    # A mask is the same for all channels (positions): they are averaged before it is applied, not once for each mask.
    squares = squares.mean((2, 3)) if over_channels else squares.mean(1).flatten(1)
    masks = masks.flatten(2)
    found = ((masks.square() if squared_mask else masks) @ squares[:, :, None]).squeeze(2)
    if normalize == "mask":
        found = found / (masks.sum(2) + eps)
    elif normalize == "positions":
        found = found / masks.shape[2]
    else:
        found = found * masks.sum(2)
    if weights is None:
        return found.mean()
    check_shape("weights", weights, "B M", {"B": sizes["B"], "M": count})
    return (weights * found).sum(1).mean()


class MaskedFeatureLoss(FunctionLoss, function=masked_feature_loss):
    """Module over `masked_feature_loss`; ``forward(student, teacher, masks, weights=None)``."""


class Reception(NamedTuple):
    """What `ReceptiveTokens` see of a map ``(B, C, H, W)``.

    Attributes:
        masks: ``(B, M, H, W)`` in 0..1.
        weights: ``(B, M)`` with a sum of 1 for each sample, or None for tokens without weights.
        masked: the map under the weighted sum of the masks (the plain sum without weights), ``(B, C, H, W)``.
    """

    masks: Tensor
    weights: Tensor | None
    masked: Tensor


class ReceptiveTokens(nn.Module):
    r"""Learned tokens whose similarity with the pixels of a map gives masks [0].

    .. math:: m = \sigma(E F), \qquad E \in \mathbb{R}^{M \times C},\; F \in \mathbb{R}^{C \times H W}

    They are trained with the teacher frozen: its map is replaced by `Reception.masked`, and its task loss is
    minimised together with `dice_diversity_loss` of the masks; ``docs/methods.md`` has the loop. In the distillation
    stage they stay as they are.

    Args:
        channels: channels of the map.
        num_tokens: number of tokens M; the authors take 6 for detection and 8 for the class scores of segmentation.
        weighted: whether each sample weighs its masks, by a softmax over a 3x3 convolution, the mean over positions
            and a 1x1 convolution; the authors do so for detection.

    [0] Huang et al., Masked Distillation with Receptive Tokens, ICLR 2023.
    """

    def __init__(self, channels: int, num_tokens: int = 6, weighted: bool = True):
        super().__init__()
        self.tokens = nn.Parameter(0.01 * torch.randn(num_tokens, channels))
        self.probability: nn.Sequential | None = None
        if weighted:
            first, last = nn.Conv2d(channels, channels, 3, padding=1), nn.Conv2d(channels, num_tokens, 1)
            self.probability = nn.Sequential(first, nn.AdaptiveAvgPool2d(1), last)
            for layer in (first, last):
                fan_out = math.prod(layer.kernel_size) * layer.out_channels
                nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out))
                nn.init.zeros_(layer.bias)

    def forward(self, feature: Tensor) -> Reception:
        """Masks, their weights and the masked map of a map ``(B, C, H, W)``."""
        masks, weights = self.masks(feature), self.weights(feature)
        total = masks.sum(1) if weights is None else (masks * weights[:, :, None, None]).sum(1)
        return Reception(masks, weights, feature * total[:, None])

    def masks(self, feature: Tensor) -> Tensor:
        """Masks ``(B, M, H, W)`` of a map ``(B, C, H, W)``."""
        return torch.einsum("mc,bchw->bmhw", self.tokens, feature).sigmoid()

    def weights(self, feature: Tensor) -> Tensor | None:
        """Weights ``(B, M)`` of the masks, None for tokens without."""
        return None if self.probability is None else self.probability(feature).flatten(1).softmax(1)


class MasKDLoss(nn.Module):
    """Masked distillation with receptive tokens [0]: `masked_feature_loss` under the masks of the teacher's tokens.

    The tokens were trained before, see `ReceptiveTokens`. They learn nothing from the loss, but go into its state dict.

    Args:
        tokens: trained tokens, or a list of them by level; they are frozen. Or the file that their state dict, or that
            of an ``nn.ModuleList`` of them by level, was saved to.
        student_mask: whether the masks are multiplied by those that the tokens see in the student's map, without a
            gradient through them. The authors do this for detection.
        student_mask_from: the call in training mode from which on they are; the authors wait for 1000 to 8500
            iterations, until the student's map has come near the teacher's.
        form: ``'detection'``, or ``'segmentation'`` for maps of class scores, which the authors weigh by a factor of
            0.5 inside the loss, with 1e-5 added to the sum of the mask.

    Raises:
        ValueError: if the shapes differ, the levels are not those of the tokens, the form is unknown, or the file holds
            no tokens.

    [0] Huang et al., Masked Distillation with Receptive Tokens, ICLR 2023.
    """

    adapter, resize, levels = "auto", True, "all"

    def __init__(
        self,
        tokens: ReceptiveTokens | Sequence[ReceptiveTokens] | str | Path,
        student_mask: bool = False,
        student_mask_from: int = 0,
        form: str = "detection",
    ):
        super().__init__()
        if form not in MASKD_FORMS:
            raise ValueError(f"expected form to be one of {tuple(MASKD_FORMS)} but found {form!r}")
        given = _read_tokens(tokens) if isinstance(tokens, (str, Path)) else _listed(tokens)
        self.tokens = nn.ModuleList(given).requires_grad_(False)
        self.student_mask, self.student_mask_from, self.form = student_mask, student_mask_from, form
        self.register_buffer("calls", torch.tensor(0))

    @full_precision
    def forward(self, student: Tensor | Sequence[Tensor], teacher: Tensor | Sequence[Tensor]) -> Tensor:
        """The loss of maps ``(B, C, H, W)``, summed over levels; no gradient flows into the teacher's."""
        student, teacher = _listed(student), _listed(teacher)
        if not len(student) == len(teacher) == len(self.tokens):
            raise ValueError(
                f"expected {len(self.tokens)} levels but found {len(student)} of the student and {len(teacher)} of "
                f"the teacher"
            )
        loss = sum(self._level(*level) for level in zip(student, teacher, self.tokens, strict=True))
        if self.training:
            self.calls += 1
        return loss

    def _level(self, student: Tensor, teacher: Tensor, tokens: ReceptiveTokens) -> Tensor:
        sizes = check_shape("student map", student, "B C H W")
        check_shape("teacher map", teacher, "B C H W", {**sizes, "C": tokens.tokens.shape[1]})
        with torch.no_grad():
            masks, weights = tokens.masks(teacher), tokens.weights(teacher)
            if self.student_mask:
                masks = torch.where(self.calls >= self.student_mask_from, masks * tokens.masks(student), masks)
        eps, factor = MASKD_FORMS[self.form]
        return factor * masked_feature_loss(student, teacher, masks, weights, eps=eps)

    def extra_repr(self) -> str:
        return f"student_mask={self.student_mask}, student_mask_from={self.student_mask_from}, form={self.form!r}"


def _read_tokens(path: str | Path) -> list[ReceptiveTokens]:
    """The tokens of each level in a file."""
    if not Path(path).is_file():
        raise ValueError(f"expected trained tokens (see ReceptiveTokens) at {path} but found no file")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = {f"0.{name}": value for name, value in state.items()} if "tokens" in state else state
        levels = max(1, sum(name.endswith(".tokens") for name in state))
        return [_tokens_of(state, f"{level}.") for level in range(levels)]
    except (AttributeError, EOFError, KeyError, RuntimeError, TypeError, UnpicklingError) as error:
        raise ValueError(f"expected the state dict of trained tokens in {path} but found another file") from error


def _tokens_of(state: Mapping[str, Tensor], prefix: str) -> ReceptiveTokens:
    own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    count, channels = own["tokens"].shape
    tokens = ReceptiveTokens(channels, count, weighted="probability.0.weight" in own)
    tokens.load_state_dict(own)
    return tokens


def _listed(value: Any) -> list:
    """A single tensor or module as a list of it."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
