"""Distillation of feature maps, position by position."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Size, Tensor, nn

from common.losses.base import FunctionLoss, ShapedLoss, loss_function
from common.losses.checks import check_shape

AXES = {3: "N C L", 4: "N C H W", 5: "N C D H W"}
POOLING = {3: F.adaptive_avg_pool1d, 4: F.adaptive_avg_pool2d, 5: F.adaptive_avg_pool3d}
INTERPOLATION = {3: "linear", 4: "bilinear", 5: "trilinear"}
FORMS = ("code", "paper")
GRIDS = ("teacher", "student")


@loss_function(adapter="auto")
def fitnet_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""FitNet hint [0]: the student's features, through a regressor, give the teacher's.

    .. math:: \frac{1}{|F|} \big\| r(F^s) - F^t \big\|_2^2

    The regressor r is not part of the loss: the trainers put it in front (``adapter='auto'``, ``'conv1x1'``, or
    ``'regressor'`` for the one of the peers). The paper has half the sum instead of the mean; peers take the mean.

    Args:
        student: features behind the regressor, any shape ``(N, C, *)``.
        teacher: same shape; no gradient flows into it.

    Returns:
        Scalar, 0 where the two agree.

    Raises:
        ValueError: if the shapes differ.

    >>> import torch
    >>> fitnet_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 3.0]]))
    tensor(5.)

    [0] Romero et al., FitNets: Hints for Thin Deep Nets, ICLR 2015.
    """
    sizes = check_shape("student features", student, "N C *")
    check_shape("teacher features", teacher, "N C *", sizes)
    return F.mse_loss(student, teacher.detach())


class FitNetLoss(FunctionLoss, function=fitnet_loss):
    """Module over `fitnet_loss`; ``forward(student, teacher)``."""


@loss_function(resize=False)
def at_loss(student: Tensor, teacher: Tensor, p: float = 2, form: str = "code") -> Tensor:
    r"""Attention transfer [0]: match where the maps are active, whatever the channel.

    .. math::
        \text{code: } \frac{1}{N |Q|} \sum_n \big\| Q^s_n - Q^t_n \big\|_2^2, \qquad
        \text{paper: } \frac{1}{N} \sum_n \big\| Q^s_n - Q^t_n \big\|_2, \qquad
        Q = \frac{q}{\|q\|_2}, \quad q_{hw} = \frac{1}{C} \sum_c |F_{chw}|^p

    Args:
        student: feature map, shape ``(N, C, *)`` with one to three spatial axes, usually ``(N, C, H, W)``.
        teacher: shape ``(N, C', *)``; no gradient flows into it. Of two grids the larger is average-pooled to the
            smaller, axis by axis.
        p: exponent, at least 1; 2 in paper and code.
        form: ``'code'`` the mean square that the authors' code and most peers use, with weight 1000; ``'paper'``
            the mean distance of the paper's formula.

    Returns:
        Scalar, 0 where the two agree up to a factor for each sample.

    Raises:
        ValueError: if the batches or the numbers of spatial axes differ, p is below 1, or the form is unknown.

    A map with a mean power q below about 1e-12 counts as empty. RepDistiller pools to squares and leaves the sign
    in odd powers; CIRKD and mmrazor want equal grids.

    >>> import torch
    >>> at_loss(torch.tensor([[[1.0, 1.0]]]), torch.tensor([[[0.0, 2.0]]]))
    tensor(0.2929)

    [0] Zagoruyko and Komodakis, Paying More Attention to Attention, ICLR 2017.
    """
    if not p >= 1:
        raise ValueError(f"expected an exponent p of at least 1 but found {p}")
    if form not in FORMS:
        raise ValueError(f"expected form to be one of {FORMS} but found {form!r}")
    check_maps(student, teacher)
    maps = pool_to_smaller(student, teacher.detach())
    powers = [each.square() if p == 2 else each.abs().pow(p) for each in maps]
    attention = [F.normalize(each.mean(dim=1).flatten(1), dim=1) for each in powers]
    difference = attention[0] - attention[1]
    if form == "paper":
        return torch.linalg.vector_norm(difference, dim=1).mean()
    return difference.square().mean()


class ATLoss(FunctionLoss, function=at_loss):
    """Module over `at_loss`; ``forward(student, teacher)``."""


def check_maps(student: Tensor, teacher: Tensor) -> dict[str, int]:
    """The student's sizes, after holding both for maps ``(N, C, *)`` of one batch and number of spatial axes."""
    if student.dim() not in AXES:
        raise ValueError(
            f"expected student map of shape (N, C, *) with 1 to 3 spatial axes but found {tuple(student.shape)}"
        )
    sizes = check_shape("student map", student, AXES[student.dim()])
    check_shape("teacher map", teacher, AXES[student.dim()], {"N": sizes["N"]})
    return sizes


def pool_to_smaller(student: Tensor, teacher: Tensor) -> list[Tensor]:
    """Both maps, average-pooled along each axis to the smaller of their sizes."""
    grid = [min(sizes) for sizes in zip(student.shape[2:], teacher.shape[2:], strict=True)]
    pool = POOLING[student.dim()]
    return [each if list(each.shape[2:]) == grid else pool(each, grid) for each in (student, teacher)]


@loss_function(adapter="auto", resize=False)
def pkd_loss(student: Tensor, teacher: Tensor, grid: str = "teacher", eps: float = 1e-6) -> Tensor:
    r"""Pearson distillation of features [0]: match each channel up to its mean and scale.

    .. math::
        \frac{1}{2 N C H W} \big\| \hat{F}^s - \hat{F}^t \big\|_2^2, \qquad
        \hat{F}_c = \frac{F_c - \mu_c}{\sigma_c + \epsilon}

    with the mean and the unbiased standard deviation of a channel over the samples and positions. It is
    (n-1)/n · (1 - r) with Pearson's correlation r of the n values of a channel, averaged over channels.

    Args:
        student: features, shape ``(N, C, *)``.
        teacher: shape ``(N, C, *)``; its grid may differ. No gradient flows into it.
        grid: whose grid the maps are compared on; the other map is interpolated (bilinearly in two dimensions,
            corners not aligned). mmrazor's default is the teacher's.
        eps: added to the standard deviation; 1e-6 in the reference.

    Returns:
        Scalar, 0 where the two agree up to a positive factor and a constant per channel.

    Raises:
        ValueError: if the batches or channels differ, a channel has fewer than 2 values, or the grid is unknown.

    A constant teacher channel counts as 0. A constant student channel gives a finite gradient, of the order of
    1 / eps.

    >>> import torch
    >>> pkd_loss(torch.tensor([[[0.0, 1.0]]]), torch.tensor([[[1.0, 0.0]]]))
    tensor(1.0000)

    [0] Cao et al., PKD: General Distillation Framework for Object Detectors via Pearson Correlation Coefficient,
    NeurIPS 2022.
    """
    if grid not in GRIDS:
        raise ValueError(f"expected grid to be one of {GRIDS} but found {grid!r}")
    if student.dim() == 2:
        sizes = check_shape("student features", student, "N C")
        check_shape("teacher features", teacher, "N C", sizes)
    else:
        sizes = check_maps(student, teacher)
        check_shape("teacher map", teacher, AXES[student.dim()], {"N": sizes["N"], "C": sizes["C"]})
    teacher = teacher.detach()
    if student.shape != teacher.shape:
        mode = INTERPOLATION[student.dim()]
        if grid == "teacher":
            student = F.interpolate(student, teacher.shape[2:], mode=mode, align_corners=False)
        else:
            teacher = F.interpolate(teacher, student.shape[2:], mode=mode, align_corners=False)
    return F.mse_loss(_standardised(student, eps), _standardised(teacher, eps)) / 2


class PKDLoss(FunctionLoss, function=pkd_loss):
    """Module over `pkd_loss`; ``forward(student, teacher)``."""


def _standardised(maps: Tensor, eps: float) -> Tensor:
    """Channels ``(C, n)`` with mean 0 and standard deviation 1."""
    values = maps.transpose(0, 1).flatten(1)
    if values.shape[1] < 2:
        raise ValueError(f"expected at least 2 values in each channel but found shape {tuple(maps.shape)}")
    return (values - values.mean(dim=1, keepdim=True)) / (values.std(dim=1, keepdim=True) + eps)


@loss_function(adapter="conv1x1_bn")
def ofd_loss(student: Tensor, teacher: Tensor, margin: Tensor) -> Tensor:
    r"""Overhauled feature distillation [0]: partial L2 distance of features before their ReLU.

    .. math::
        \frac{1}{N} \sum_i (s_i - t_i)^2 \, \big[ s_i > t_i \ \text{or}\ t_i > 0 \big], \qquad
        t = \max(F^t, m)

    A negative response of the teacher only says that the student's must be low, not how low.

    Args:
        student: features before the ReLU, behind a 1x1 convolution with batch norm, shape ``(N, C, *)``.
        teacher: features before the ReLU, same shape; no gradient flows into it.
        margin: lowest value to ask for in each channel, negative, shape ``(C,)``; see `ofd_margin`.

    Returns:
        Scalar, 0 where the two agree or the student is below a teacher that is not positive.

    Raises:
        ValueError: if the shapes differ.

    The authors' function is N times as large: their training divides by the batch and by 1000 (CIFAR) or 10000
    (ImageNet), and weighs level l of L with 2^-(L-1-l), as `OFDLoss` does. mdistiller's is equal, mmrazor's 1000 times
    smaller.

    >>> import torch
    >>> student, teacher = torch.tensor([[[2.0, -0.5, -3.0]]]), torch.tensor([[[1.0, -2.0, -2.0]]])
    >>> ofd_loss(student, teacher, margin=torch.tensor([-0.8]))
    tensor(1.0900)

    [0] Heo et al., A Comprehensive Overhaul of Feature Distillation, ICCV 2019.
    """
    sizes = check_shape("student features", student, "N C *")
    check_shape("teacher features", teacher, "N C *", sizes)
    check_shape("margin", margin, "C", {"C": sizes["C"]})
    target = torch.maximum(teacher.detach(), margin.detach().view(-1, *[1] * (student.dim() - 2)))
    counts = (student > target) | (target > 0)
    return F.mse_loss(student, torch.where(counts, target, student.detach()), reduction="sum") / sizes["N"]


def ofd_margin(bn_weight: Tensor, bn_bias: Tensor) -> Tensor:
    r"""Mean negative response of each channel behind a batch norm, for `ofd_loss`.

    .. math:: m = \mathrm{E}[x \mid x < 0] = \beta - |\gamma| \, \frac{\varphi(\beta/\gamma)}{\Phi(-\beta/|\gamma|)}
        \quad\text{for}\quad x \sim \mathcal{N}(\beta, \gamma^2)

    with the density φ and the distribution function Φ of the normal distribution; -3 \|γ\| where at most 0.001 of the
    responses are negative, as the authors do.

    Args:
        bn_weight: γ of the teacher's last batch norm before the ReLU, shape ``(C,)``.
        bn_bias: β of the same, shape ``(C,)``.

    Returns:
        Margins, shape ``(C,)``, without gradient. A channel with γ = 0 has β, or 0 if that is positive.

    Raises:
        ValueError: if the shapes differ.

    >>> import torch
    >>> ofd_margin(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 8.0]))
    tensor([-0.7979, -6.0000])
    """
    sizes = check_shape("bn_weight", bn_weight, "C")
    check_shape("bn_bias", bn_bias, "C", sizes)
    deviation, mean = bn_weight.detach().double().abs(), bn_bias.detach().double()
    ratio = mean / deviation  # infinite or NaN where γ is 0, and still the margin is right
    density = torch.exp(-ratio.square() / 2) / math.sqrt(2 * math.pi)
    negative = torch.special.ndtr(-ratio)
    margin = torch.where(negative > 0.001, mean - deviation * density / negative, -3 * deviation)
    return margin.to(bn_weight.dtype)


class OFDLoss(nn.Module):
    r"""`ofd_loss` over the levels of a pyramid with the authors' weights, from the first to the last level L - 1.

    .. math:: \sum_{l=0}^{L-1} 2^{-(L - 1 - l)} \, \mathrm{OFD}(s_l, t_l, m_l)

    Args:
        margin: lowest value to ask for in each channel, shape ``(C,)``, or a list of those by level.
        batch_norm: in place of margins, the path in the teacher of the last batch norm before the ReLU, or a list of
            them by level: the trainers show them to `read_teacher`, which takes the margins from them.

    Raises:
        ValueError: if neither margins nor paths are given, or both; if there are other levels than margins.
        RuntimeError: if it is called before it has margins.
    """

    adapter, resize, levels = ofd_loss.adapter, ofd_loss.resize, "all"

    def __init__(
        self,
        margin: Tensor | Sequence[float] | Sequence[Tensor | Sequence[float]] | None = None,
        batch_norm: str | Sequence[str] | None = None,
    ):
        super().__init__()
        if (margin is None) == (batch_norm is None):
            raise ValueError("expected either margin= or batch_norm= (the path of the teacher's batch norm)")
        self.teacher_paths = [batch_norm] if isinstance(batch_norm, str) else list(batch_norm or ())
        self._levels = 0
        if margin is not None:
            several = not isinstance(margin, Tensor) and isinstance(margin[0], (Tensor, list, tuple))
            self._keep(margin if several else [margin])

    def read_teacher(self, modules: Sequence[nn.Module]) -> None:
        """Take the margins from the batch norms at ``teacher_paths``."""
        for path, module in zip(self.teacher_paths, modules, strict=True):
            if not isinstance(module, nn.modules.batchnorm._BatchNorm) or module.weight is None:
                raise ValueError(f"expected a batch norm with weights at {path} of the teacher but found {module}")
        self._keep([ofd_margin(module.weight.float(), module.bias.float()) for module in modules])

    def _keep(self, margins: Sequence[Tensor | Sequence[float]]) -> None:
        self._levels = len(margins)
        for level, margin in enumerate(margins):
            floats = margin if isinstance(margin, Tensor) else torch.tensor(margin, dtype=torch.get_default_dtype())
            self.register_buffer(f"margin{level}", floats.detach().clone())

    @property
    def margins(self) -> list[Tensor]:
        """The margins of each level."""
        return [getattr(self, f"margin{level}") for level in range(self._levels)]

    def forward(self, student: Tensor | Sequence[Tensor], teacher: Tensor | Sequence[Tensor]) -> Tensor:
        """The weighted sum over maps ``(N, C, *)`` by level; no gradient flows into the teacher's."""
        margins = self.margins
        if not margins:
            raise RuntimeError("OFDLoss has no margins yet: give margin= or call read_teacher() with the batch norms")
        student, teacher = ([each] if isinstance(each, Tensor) else list(each) for each in (student, teacher))
        if not len(student) == len(teacher) == len(margins):
            raise ValueError(
                f"expected {len(margins)} levels, one for each margin, but found {len(student)} of the student and "
                f"{len(teacher)} of the teacher"
            )
        last = len(margins) - 1
        return sum(
            2.0 ** (level - last) * ofd_loss(*maps)
            for level, maps in enumerate(zip(student, teacher, margins, strict=True))
        )

    def extra_repr(self) -> str:
        return f"batch_norm={self.teacher_paths}" if self.teacher_paths else f"levels={self._levels}"


class VIDLoss(ShapedLoss):
    r"""Variational information distillation [0]: how likely the teacher's map is, given the student's.

    .. math::
        \frac{1}{2 N C H W} \sum_{n,c,h,w} \Big( \frac{(t_{nchw} - \mu_{nchw})^2}{\sigma_c^2} + \log \sigma_c^2 \Big),
        \qquad \sigma_c^2 = \log(1 + e^{\alpha_c}) + \epsilon

    with the mean μ from three learned 1x1 convolutions without bias, with ReLU between them, on the student's map,
    and a learned variance for each channel. It is a negative log-likelihood without its constant, and may be
    negative. Of two grids the larger is average-pooled to the smaller, axis by axis.

    Args:
        student_channels: of the student's map, shape ``(N, C, H, W)``.
        teacher_channels: of the teacher's map, shape ``(N, C', H, W)``; no gradient flows into it.
        hidden: channels between the convolutions; the teacher's by default, as in RepDistiller's training.
        init_variance: σ² of all channels at the start; the authors' code.
        eps: lowest variance; the authors' code.

    Raises:
        ValueError: if the initial variance is not above eps, or maps of other shapes are given.

    mdistiller never trains its variances. RepDistiller pools to squares.

    >>> import torch
    >>> loss = VIDLoss(student_channels=2, teacher_channels=3)
    >>> nothing = loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 4, 4))
    >>> round(nothing.item(), 4)  # half the logarithm of 5
    0.8047

    [0] Ahn et al., Variational Information Distillation for Knowledge Transfer, CVPR 2019.
    """

    resize = False

    def __init__(
        self,
        student_channels: int | None = None,
        teacher_channels: int | None = None,
        hidden: int | None = None,
        init_variance: float = 5.0,
        eps: float = 1e-5,
    ):
        if not init_variance > eps:
            raise ValueError(f"expected init_variance above eps = {eps} but found {init_variance}")
        # Ahead of the parent's constructor, which makes the layers.
        self.init_variance, self.eps = init_variance, eps
        hidden = teacher_channels if hidden is None else hidden
        super().__init__(student_channels=student_channels, teacher_channels=teacher_channels, hidden=hidden)

    def widths(self, student: Size, teacher: Size) -> Mapping[str, int]:
        """The channels of both maps, the teacher's as hidden ones."""
        return {"student_channels": student[1], "teacher_channels": teacher[1], "hidden": teacher[1]}

    def make_layers(self, student_channels: int, teacher_channels: int, hidden: int) -> None:
        """Make the three convolutions and the variances."""
        channels = (student_channels, hidden, hidden, teacher_channels)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, kernel_size=1, bias=False), nn.ReLU()]
        self.regressor = nn.Sequential(*layers[:-1])
        excess = self.init_variance - self.eps
        inverse_softplus = excess + math.log(-math.expm1(-excess))
        self.log_scale = nn.Parameter(torch.full((teacher_channels,), inverse_softplus))

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Negative log-likelihood of the teacher's map, a scalar."""
        self.check_built()
        return _vid(student, teacher, self.regressor, self.log_scale, self.eps)

    def extra_repr(self) -> str:
        return f"init_variance={self.init_variance}, eps={self.eps}"


@loss_function(resize=False)
def _vid(student: Tensor, teacher: Tensor, regressor: nn.Sequential, log_scale: Tensor, eps: float) -> Tensor:
    sizes = check_shape("student map", student, "N C H W", {"C": regressor[0].in_channels})
    check_shape("teacher map", teacher, "N C H W", {"N": sizes["N"], "C": len(log_scale)})
    student, teacher = pool_to_smaller(student, teacher.detach())
    variance = (F.softplus(log_scale) + eps).view(-1, 1, 1)
    return ((regressor(student) - teacher).square() / variance + variance.log()).mean() / 2
