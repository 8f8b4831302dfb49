"""How a loss enters the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from golden_files import GoldenCase
from torch import Tensor

Inputs = dict[str, Any]


@dataclass(frozen=True)
class Invariance:
    """A change of the inputs that must leave the loss as it is."""

    name: str
    change: Callable[[Inputs], Inputs]


@dataclass(frozen=True)
class Refusal:
    """A change of the inputs that must be refused with a message."""

    name: str
    change: Callable[[Inputs], Inputs]
    message: str


@dataclass(frozen=True)
class LossEntry:
    """One loss, with what holds for it. `tests/common/losses/test_every_loss.py` says what is done with each.

    Attributes:
        name: in `common.losses`.
        inputs: ``inputs(batch)`` makes the arguments of a call as keywords, alike at every call; float tensors in
            float64, small (they are differentiated by finite differences).
        make: makes what is called; by default the function of that name. A module is made with a fixed seed, moved
            to the dtype of the inputs, and must answer two equal calls alike (``eval()`` it where it draws
            random numbers).
        students: arguments that get gradients.
        teachers: arguments that must not get any.
        divergence: whether the loss is 0, with a finite gradient, where the teacher is the student.
        equal: makes the inputs equal; by default each teacher is replaced by the student of the same position.
        gradcheck: whether the gradient is the derivative of the value; False for losses that hold a part of the
            value constant (say which in ``why``).
        compiles: whether `torch.compile` takes it in one graph.
        smallest_batch: the smallest batch that it can be called with.
        logits: whether the inputs are class scores, which may differ by 120.
        permutes: whether the order of the samples does not matter.
        invariances: further changes that leave it as it is.
        refusals: further inputs that are refused; other shapes, integer maps and empty batches always are.
        why: reasons for what is switched off.
    """

    name: str
    inputs: Callable[[int], Inputs]
    make: Callable[[], Callable] | None = None
    students: tuple[str, ...] = ("student",)
    teachers: tuple[str, ...] = ("teacher",)
    divergence: bool = True
    equal: Callable[[Inputs], Inputs] | None = None
    gradcheck: bool = True
    compiles: bool = True
    smallest_batch: int = 1
    logits: bool = False
    permutes: bool = True
    invariances: tuple[Invariance, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    why: str = ""

    def built(self, dtype: torch.dtype = torch.float64) -> Callable:
        """What is called, with its weights in ``dtype``."""
        import common.losses

        with torch.random.fork_rng():
            torch.manual_seed(0)
            loss = self.make() if self.make else getattr(common.losses, self.name)
        return loss.to(dtype) if isinstance(loss, torch.nn.Module) else loss

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Parity:
    """How a golden file is run with our loss, and what its other values mean.

    Attributes:
        loss: what the table calls it, by the name in `common.losses`.
        golden: name of the golden file.
        reference: whose code the values come from, as ``owner/repository path``.
        run: gives our loss for a case: a scalar tensor, or a dict with ``loss`` and any of the stored ``term_*``.
        reduction: over what it is summed and averaged, in a few words.
        skip: cases that are not of this loss -> why.
        tolerance: relative, where the index allows more than 1e-9.
        differences: a substring of a variant's name -> why it differs from ours. A variant that no substring
            matches must equal ours.
        switch: how our loss gives another implementation's value, where it can: a substring of a variant's name
            -> a run that gives it.
        remark: what else a reader should know.
    """

    loss: str
    golden: str
    reference: str
    run: Callable[[GoldenCase], Tensor | Mapping[str, Tensor]]
    reduction: str
    skip: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 1e-9
    differences: Mapping[str, str] = field(default_factory=dict)
    switch: Mapping[str, Callable[[GoldenCase], Tensor]] = field(default_factory=dict)
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.loss}-{self.golden}"


def random(*shape: int, seed: int = 0) -> Tensor:
    """Normally distributed float64 numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(*shape: int, classes: int, seed: int = 0) -> Tensor:
    """Uniformly distributed integer labels."""
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(seed))


def change(name: str, function: Callable[[Tensor], Tensor]) -> Callable[[Inputs], Inputs]:
    """A change of one input."""
    return lambda inputs: {**inputs, name: function(inputs[name])}


def as_scalar(result: Tensor | Mapping[str, Tensor]) -> Tensor:
    """A loss's parts added up."""
    return sum(result.values()) if isinstance(result, Mapping) else result
