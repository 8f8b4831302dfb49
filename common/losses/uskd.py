"""Distillation of a network from labels that it makes itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.losses.base import ShapedLoss, loss_function
from common.losses.checks import check_labels, check_shape
from common.losses.decoupled import log_softmax_without
from common.losses.logits import nearest_labels

RANKINGS = ("code", "paper")


class USKDLoss(ShapedLoss):
    r"""Universal self-KD [0]: soft labels from the student's own scores, in the order of Zipf's law.

    .. math::
        L = -\frac{\alpha}{N} \sum_n P_n \log p_{n,y}
        - \frac{\beta}{N} \sum_n \sum_{c \ne y} \zeta_{n,c} \log \hat p_{n,c}
        - \frac{\mu}{N} \sum_n \sum_c q_{n,c} \log \sigma(w_n)_c

    Here :math:`p = \sigma(z)` are the student's probabilities and :math:`\hat p` those among the classes other than
    the label y. The target label is :math:`P_n = p_{n,y}^2 + 1 - \frac{1}{N} \sum_m p_{m,y}^2`. The non-target labels
    :math:`\zeta_c \propto 1 / r_c` follow the place :math:`r_c` of class c, counted from 1 with the label included,
    in the falling order of

    .. math:: R_c = \frac{\sigma(w)_c}{1 - \sigma(w)_y + \epsilon} + \frac{p_c}{1 - p_y + \epsilon}

    where the weak scores w are a learned layer ``fc`` over pooled features of an earlier stage, trained with
    :math:`q = 0.9 \cdot \mathrm{onehot}(y) + 0.1 / C`. No gradient flows through P and :math:`\zeta`, so that the
    gradient is not the derivative of the value. The cross-entropy with the label, which the authors add, is not part
    of it.

    The authors' code has :math:`\log p` where R has p, which lets the student's own scores decide nearly alone;
    their figures come from it, and ``ranking='code'`` is that form.

    With soft labels (mixup) the two likeliest classes are labels, each with its own P, in which its share stands for
    the 1; P of a share of 0 is 0, yet as in the authors' code that class (any of those with none) is missing among
    the others. R has the sum of both in each denominator, and q the soft label in place of the one-hot.

    Args:
        channels: width D of the features; None takes it from the example batch.
        num_classes: number of classes C; None takes it from the example batch.
        alpha: weight of the target term; the authors' 1 for ImageNet, 0.1 for CIFAR-100.
        beta: weight of the non-target term; the authors' 0.1.
        mu: weight of the weak scores' term; the authors' 0.005 for ImageNet, 0.1 for CIFAR-100.
        ranking: ``'code'`` or ``'paper'``.

    Raises:
        ValueError: if ``ranking`` is another word.

    >>> import torch
    >>> loss = USKDLoss(channels=4, num_classes=3)
    >>> parts = loss(torch.zeros(1, 3), torch.zeros(1, 4), torch.tensor([0]))
    >>> parts["loss_target"], parts["loss_nontarget"]  # log 3 and 0.1 log 2
    (tensor(1.0986), tensor(0.0693))

    [0] Yang et al., From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach with Normalized
        Loss and Customized Soft Labels, ICCV 2023.
    """

    resize = False  # the features keep their own grid, which is pooled away

    def __init__(
        self,
        channels: int | None = None,
        num_classes: int | None = None,
        alpha: float = 1.0,
        beta: float = 0.1,
        mu: float = 0.005,
        ranking: str = "code",
    ) -> None:
        if ranking not in RANKINGS:
            raise ValueError(f"expected ranking to be one of {RANKINGS} but found {ranking!r}")
        super().__init__(channels=channels, num_classes=num_classes)
        self.alpha, self.beta, self.mu, self.ranking = alpha, beta, mu, ranking

    def widths(self, **shapes: torch.Size) -> Mapping[str, int]:
        return {"channels": shapes["features"][1], "num_classes": shapes["student"][1]}

    def make_layers(self, channels: int, num_classes: int) -> None:
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, student: Tensor, features: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The weighted terms ``loss_target``, ``loss_nontarget`` and ``loss_weak``, each a scalar.

        Args:
            student: logits z, shape ``(N, C)``.
            features: the student's own features of an earlier stage, shape ``(N, D)``, or ``(N, D, *)`` to be pooled.
            target: integer labels ``(N,)`` or ``(N, 1)``, or soft labels ``(N, C)``.

        Raises:
            ValueError: if shapes do not fit, a label is no class (on the CPU), or there are fewer classes than 2,
                or than 3 for soft labels.
            RuntimeError: without layers.
        """
        self.check_built()
        of_target, of_others, of_weak = _uskd_terms(student, features, target, self.fc, self.ranking)
        return {
            "loss_target": self.alpha * of_target,
            "loss_nontarget": self.beta * of_others,
            "loss_weak": self.mu * of_weak,
        }

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, beta={self.beta}, mu={self.mu}, ranking={self.ranking}"


@loss_function()
def _uskd_terms(
    student: Tensor, features: Tensor, target: Tensor, fc: nn.Linear, ranking: str
) -> tuple[Tensor, Tensor, Tensor]:
    sizes = check_shape("student logits", student, "N C", {"C": fc.out_features})
    check_shape("features", features, "N D *", {"N": sizes["N"], "D": fc.in_features})
    if features.dim() > 2:
        features = features.flatten(2).mean(dim=2)
    labels, shares, soft = _read_labels(target, student)

    log_p = F.log_softmax(student, dim=1)
    log_p_label = log_p.gather(1, labels)
    label_square = log_p_label.detach().exp().square()
    soft_target = (label_square + shares - label_square.mean(dim=0)).masked_fill(shares == 0, 0.0)
    of_target = -(soft_target * log_p_label).sum(dim=1).mean()

    weak = fc(features)
    smoothed = 0.9 * soft + 0.1 / sizes["C"]
    of_weak = -(smoothed * F.log_softmax(weak, dim=1)).sum(dim=1).mean()

    own = torch.zeros_like(student, dtype=torch.bool).scatter(1, labels, True)
    zipf = _zipf_labels(weak, log_p, labels, ranking).masked_fill(own, 0.0)
    zipf = zipf / zipf.sum(dim=1, keepdim=True)
    of_others = -(zipf * log_softmax_without(student, own)).sum(dim=1).mean()
    return of_target, of_others, of_weak


def _zipf_labels(weak: Tensor, log_p: Tensor, labels: Tensor, ranking: str) -> Tensor:
    """One over the place of each class in the order of R, shape ``(N, C)``."""

    def relative(scores: Tensor) -> Tensor:
        return scores / (1 - scores.gather(1, labels).sum(dim=1, keepdim=True) + 1e-6)

    rank = relative(F.softmax(weak, dim=1)) + relative(log_p if ranking == "code" else log_p.exp())
    order = rank.argsort(dim=1, descending=True, stable=True)
    return 1 / (order.argsort(dim=1) + 1).to(rank.dtype)


def _read_labels(target: Tensor, student: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Label classes ``(N, 1 or 2)``, the share of each, and the soft label of all classes ``(N, C)``."""
    classes = student.shape[1]
    if target.is_floating_point():
        check_shape("soft labels", target, "N C", {"N": len(student), "C": classes})
        soft = target.to(student.dtype)
        # An unstable sort, as the authors': of classes that share 0, which comes second is the sort's choice.
        shares, labels = (each[:, :2] for each in soft.sort(dim=1, descending=True))
    else:
        labels = nearest_labels(target, (len(student),)).long().unsqueeze(1)
        check_labels(labels, classes)
        shares = torch.ones_like(labels, dtype=student.dtype)
        soft = torch.zeros_like(student).scatter(1, labels, 1.0)
    if classes <= labels.shape[1]:
        raise ValueError(f"expected at least {labels.shape[1] + 1} classes but found {classes}")
    return labels, shares, soft
