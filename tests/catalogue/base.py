"""How a loss enters the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from golden_files import GoldenCase, golden_cases
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
        options: of a function, a value other than the default for each of its hyperparameters. The module over it is
            held to them.
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
    options: Mapping[str, Any] = field(default_factory=dict)
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
class Difference:
    """How another value comes about that is not ours.

    Attributes:
        why: what is done differently, in words.
        theirs: ``theirs(case, ours)`` gives that value, with its gradient.
        switch: whether it is our loss with other options, rather than a formula beside it.
        tolerance: relative.
    """

    why: str
    theirs: Callable[[GoldenCase, Tensor], Tensor]
    switch: bool = False
    tolerance: float = 1e-9


@dataclass(frozen=True)
class Parity:
    """How a golden file is run with our loss, and what its other values mean.

    Attributes:
        loss: what the table calls it, by the name in `common.losses`.
        golden: name of the golden file.
        reference: whose code the values come from, as ``owner/repository path``.
        run: gives our loss for a case: a scalar tensor, or a dict with that under ``of`` and any of the stored
            ``term_*``.
        reduction: over what it is summed and averaged, in a few words.
        of: the stored value that it is: ``loss``, or a ``term_*``.
        skip: cases that are not of this loss -> why.
        conversion: how the reference's value comes from ours, where it is not the same.
        differences: a part of a variant's name -> how it differs from ours. Any other variant must equal ours.
        remark: what else a reader should know.
    """

    loss: str
    golden: str
    reference: str
    run: Callable[[GoldenCase], Tensor | Mapping[str, Tensor]]
    reduction: str
    of: str = "loss"
    skip: Mapping[str, str] = field(default_factory=dict)
    conversion: Difference | None = None
    differences: Mapping[str, Difference] = field(default_factory=dict)
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.loss}-{self.golden}"

    def cases(self) -> list[GoldenCase]:
        """The cases of this loss."""
        return [case for case in golden_cases(self.golden) if case.name not in self.skip]

    def variants(self, case: GoldenCase) -> dict[str, float]:
        """What other implementations return for the loss of a case; of a term nobody says so."""
        return case.variants() if self.of == "loss" else {}

    def ours(self, case: GoldenCase) -> Tensor:
        """Our value for a case."""
        return self._parts(case)[self.of]

    def reference_mismatches(self, case: GoldenCase) -> list[str]:
        """In what our value, terms and gradients do not agree with the reference's."""
        parts = self._parts(case)
        if self.conversion is not None:
            parts[self.of] = self.conversion.theirs(case, parts[self.of])
        return [found for key, part in parts.items() for found in mismatches(part, case, key)]

    def difference(self, variant: str) -> Difference | None:
        """How a variant differs from ours, or None if it must not."""
        return next((found for part, found in self.differences.items() if part in variant), None)

    def variant_mismatches(self, case: GoldenCase, variant: str) -> list[str]:
        """In what another implementation's value, and gradient where it is stored, are not what they should be."""
        value, difference = self.ours(case), self.difference(variant)
        if difference is None:
            return mismatches(value, case, f"variant.{variant}")
        return mismatches(difference.theirs(case, value), case, f"variant.{variant}", difference.tolerance)

    def _parts(self, case: GoldenCase) -> dict[str, Tensor]:
        result = self.run(case)
        return dict(result) if isinstance(result, Mapping) else {self.of: result}


def mismatches(found: Tensor, case: GoldenCase, key: str = "loss", tolerance: float = 1e-9) -> list[str]:
    """In what a value and its gradients differ from those that a case stores under ``key``, in words.

    A value is off by at most ``tolerance`` of itself, a gradient by as much of its largest number.
    """
    pairs = {key: (found.detach().numpy(), np.asarray(case.value(key)))}
    stored = case.gradients(key)
    if stored:
        leaves = [case[name] for name in stored]
        gradients = torch.autograd.grad(found, leaves, retain_graph=True, allow_unused=True, materialize_grads=True)
        pairs |= {
            f"gradient of {key} by {name}": (gradient.numpy(), wanted)
            for gradient, (name, wanted) in zip(gradients, stored.items(), strict=True)
        }
    wrong = []
    for what, (ours, theirs) in pairs.items():
        gap, largest = np.abs(ours - theirs).max(), np.abs(theirs).max()
        if not gap <= tolerance * max(largest, 1e-3):
            wrong.append(f"{what}: {gap:.3g} apart, of at most {largest:.3g}")
    return wrong


def random(*shape: int, seed: int = 0) -> Tensor:
    """Normally distributed float64 numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(*shape: int, classes: int, seed: int = 0) -> Tensor:
    """Uniformly distributed integer labels."""
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(seed))


def change(name: str, function: Callable[[Tensor], Tensor]) -> Callable[[Inputs], Inputs]:
    """A change of one input."""
    return lambda inputs: {**inputs, name: function(inputs[name])}


def teacher_entropy(case: GoldenCase, temperature: float = 1.0) -> Tensor:
    """Mean entropy of the teacher's softened class probabilities: by what a cross-entropy exceeds a divergence."""
    log_p = torch.log_softmax(case["teacher"] / temperature, dim=1)
    return -(log_p.exp() * log_p).sum(dim=1).mean()


def as_scalar(result: Tensor | Mapping[str, Tensor]) -> Tensor:
    """A loss's parts added up."""
    return sum(result.values()) if isinstance(result, Mapping) else result
