"""Distillation for any two modules in one's own training loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from common.errors import ConfigError, did_you_mean
from common.loss_arguments import loss_label, required_arguments, tensor_arguments
from common.modes import in_eval_mode
from common.schedules import build_weight
from common.taps import Taps
from common.teacher import FrozenTeacher
from common.terms import (
    GROUND_TRUTH,
    STUDENT,
    DistillationTerms,
    Source,
    TermSpec,
)

TEACHER = "teacher"
OUTPUT = "output"


class Distilled(NamedTuple):
    """What a wrapped student returns: its own output, and the weighted distillation losses by name."""

    output: Any
    losses: dict[str, Tensor]

    @property
    def loss(self) -> Tensor | float:
        """Sum of the losses; 0.0 where there are none (eval mode)."""
        return sum(self.losses.values(), 0.0)


class DistilledModule(nn.Module):
    """A student with a frozen teacher beside it; see `distill`.

    ``parameters()`` are the student's and the adapters'; the teacher is in neither these nor the state dict. The state
    dict holds the step too.
    """

    def __init__(self, student: nn.Module, teacher: FrozenTeacher, specs: list[TermSpec]):
        super().__init__()
        self.student = student
        self.teacher = teacher
        self.terms = DistillationTerms(specs)
        self.step = 0
        self._taps = {
            STUDENT: Taps(student, _paths(specs, STUDENT), "student"),
            TEACHER: Taps(teacher.model, _paths(specs, TEACHER), "teacher", shared=True),
        }

    def get_extra_state(self) -> dict[str, int]:
        """The step, on which the weights' schedules go."""
        return {"step": self.step}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """The step of a stored state dict."""
        self.step = state["step"]

    def forward(self, *args, target: Any = None, targets: Mapping[str, Any] | None = None, **kwargs) -> Distilled:
        """Run student and teacher on the same input.

        Args:
            target: ground truth for losses with an argument ``target``.
            targets: ground truth by argument name, where there is more than one.

        Returns:
            `Distilled`; in eval mode the teacher does not run and ``losses`` is empty.
        """
        if not self.training:
            return Distilled(self.student(*args, **kwargs), {})
        output, values = self._values(args, kwargs, target, targets)
        losses = self.terms(values, self.step)
        self.step += 1
        return Distilled(output, losses)

    def _values(self, args, kwargs, target, targets, everything=False) -> tuple[Any, dict[str, dict[str, Any]]]:
        values = {GROUND_TRUTH: {"target": target, **(targets or {})}}
        if target is None:
            values[GROUND_TRUTH].pop("target")
        # The teacher first: its activations are gone before the student's, which live until backward, are made.
        if everything or TEACHER in self.terms.runs(self.step):
            wants_output = OUTPUT in _names(self.terms, TEACHER)
            answer = None
            with self._taps[TEACHER].capture(stop_early=not wants_output) as teacher:
                answer = self.teacher(*args, **kwargs)
            values[TEACHER] = {**teacher, OUTPUT: answer}
        with self._taps[STUDENT].capture() as student:
            output = self.student(*args, **kwargs)
        values[STUDENT] = {**student, OUTPUT: output}
        return output, values

    def build(self, *args, target: Any = None, targets: Mapping[str, Any] | None = None, **kwargs) -> None:
        """Build the adapters from one example input; running statistics and the random state stay untouched."""
        with in_eval_mode(self.student), torch.no_grad(), torch.random.fork_rng():
            _, values = self._values(args, kwargs, target, targets, everything=True)
            models = {STUDENT: self.student, TEACHER: self.teacher.model}
            self.terms.build(_with_stand_ins(values, self.terms), models)

    def _apply(self, fn, recurse: bool = True):
        self.teacher._apply(fn)
        return super()._apply(fn, recurse)


class _StandIn:
    shape = ("?",)


def _with_stand_ins(values: dict, terms: DistillationTerms) -> dict:
    """Ground truth that the example came without has no shape to build from; where needed, it is shown as ``?``."""
    sources = [source for term in terms.values() for source in term.spec.sources.values()]
    missing = {s.name: _StandIn() for s in sources if s.model == GROUND_TRUTH and not s.optional}
    return {**values, GROUND_TRUTH: {**missing, **values[GROUND_TRUTH]}}


def _names(terms: DistillationTerms, model: str) -> set[str]:
    return {s.name for term in terms.values() for s in term.spec.sources.values() if s.model == model}


def _paths(specs: list[TermSpec], model: str) -> dict[str, str]:
    names = {s.name for spec in specs for s in spec.sources.values() if s.model == model and s.name != OUTPUT}
    return {name: name for name in names}


def distill(
    student: nn.Module,
    teacher: nn.Module | FrozenTeacher,
    losses: Mapping[str | tuple[str, str], Any],
    example: Any = None,
) -> DistilledModule:
    """Wrap a student and a teacher for one's own training loop.

    Args:
        student: the network to train; ``wrapped.student`` is this very object.
        teacher: the trained network; it is frozen and put in eval mode.
        losses: what to compare -> how. A key is a module path in both networks (``'layer3'``), a pair
            ``(student path, teacher path)``, or ``'output'`` for what the networks return; paths as in
            `common.taps.Taps`. A value is a function or module called as ``loss(student, teacher)`` (further
            tensor arguments, such as ``target``, come from the call's ground truth; optional ones where it has
            them), or a dict with ``loss`` and any of ``weight`` (a number or a schedule), ``adapter`` and
            ``name``, or a list of these.
        example: an input (a tensor, or a tuple of positional arguments). Needed where the two networks differ
            in width, for the adapters to be built; without it nothing is adapted.

    Returns:
        A module to call in place of the student: ``output, losses = wrapped(x, target=y)``.

    Raises:
        ConfigError: for a path that does not exist, a tap that does not fire, or a loss that does not fit.
    """
    frozen = teacher if isinstance(teacher, FrozenTeacher) else FrozenTeacher(teacher)
    specs = []
    for key, value in losses.items():
        for one in value if isinstance(value, list) else [value]:
            specs.append(_spec(key, one, {spec.name for spec in specs}))
    wrapped = DistilledModule(student, frozen, specs)
    if example is not None:
        wrapped.build(*(example if isinstance(example, tuple) else (example,)))
    return wrapped


def _spec(key: str | tuple[str, str], value: Any, taken: set[str]) -> TermSpec:
    options = dict(value) if isinstance(value, Mapping) else {"loss": value}
    unknown = set(options) - {"loss", "weight", "adapter", "name"}
    if unknown:
        first = sorted(unknown)[0]
        raise ConfigError(f"losses[{key!r}]: unknown key {first!r}{did_you_mean(first, ['loss', 'weight', 'adapter'])}")
    loss = options.get("loss")
    if not callable(loss) or inspect.isclass(loss):
        raise ConfigError(
            f"losses[{key!r}]: expected a function or a module (VIDLoss(…), not its class) as loss but found {loss!r}"
        )
    paths = key if isinstance(key, tuple) else (key, key)
    sources = _sources(loss, key, paths)
    return TermSpec(
        name=_free_name(options.get("name") or _label(loss), taken),
        loss=loss,
        sources=sources,
        weight=build_weight(options.get("weight", 1.0), str(key)),
        adapter=options.get("adapter", "loss" if OUTPUT not in paths else None),
    )


def _sources(loss: Callable, key, paths: tuple[str, ...]) -> dict[str, Source]:
    if len(paths) != 2:
        raise ConfigError(f"losses: expected a path or a pair of paths as key but found {key!r}")
    names = tensor_arguments(loss)
    pair = ("student", "teacher") if {"student", "teacher"} <= set(names) else tuple(names[:2])
    if len(pair) < 2:
        raise ConfigError(f"losses[{key!r}]: expected loss(student, teacher) but it takes ({', '.join(names)})")
    sources = {pair[0]: Source(STUDENT, paths[0]), pair[1]: Source(TEACHER, paths[1])}
    required = required_arguments(loss)
    for name in names:
        if name not in sources:
            sources[name] = Source(GROUND_TRUTH, name, optional=name not in required)
    return sources


def _label(loss: Callable) -> str:
    name = loss_label(loss)
    return "custom" if name == "<lambda>" else name.removesuffix("_loss")


def _free_name(name: str, taken: set[str]) -> str:
    name = name.replace(".", "_")
    if name not in taken:
        return name
    return next(f"{name}_{i}" for i in range(2, len(taken) + 3) if f"{name}_{i}" not in taken)
