"""Distillation losses bound by name to what taps captured and to the ground truth."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from common.adapters import build_adapter, describe_adapter, resize_to_student
from common.errors import ConfigError, did_you_mean
from common.loss_arguments import loss_label
from common.losses.base import ShapedLoss
from common.losses.critics import AdversarialLoss
from common.schedules import WeightSchedule, build_weight
from common.taps import find_module

STUDENT = "student"
GROUND_TRUTH = "gt"


@dataclass(frozen=True)
class Source:
    """Where a loss argument comes from: ``student``, a teacher's name or ``gt``, and the tap or key there.

    An optional one is left out where there is no such key. With a ``view``, what the model says about that view of
    the sample, such as the next frame (`common.views`).
    """

    model: str
    name: str
    optional: bool = False
    view: str = ""

    @property
    def run(self) -> str:
        """The forward pass that gives it: the model's name, ``MODEL@VIEW`` of a view."""
        return run_name(self.model, self.view)

    def __str__(self) -> str:
        return run_name(f"{self.model}.{self.name}", self.view)


def run_name(model: str, view: str) -> str:
    """What the pass of a model over a view is called."""
    return f"{model}@{view}" if view else model


@dataclass
class TermSpec:
    """A loss with its argument sources, before any shape is known.

    Attributes:
        name: key of the loss in logs, without the ``loss_`` prefix.
        loss: function or module.
        sources: argument name -> where its value comes from.
        weight: schedule over training steps.
        adapter: kind of `common.adapters.build_adapter`; ``'loss'`` takes what the loss declares (see
            `common.losses.base.loss_function`), and ``'auto'`` where it declares nothing.
        parts: weights of single parts of a loss that returns several, on top of ``weight``.
        resize: bring teacher maps to the student's grid; None takes what the loss declares, and True where it
            declares nothing.
    """

    name: str
    loss: Callable
    sources: dict[str, Source]
    weight: WeightSchedule = field(default_factory=lambda: build_weight(1.0))
    adapter: str | None = "loss"
    resize: bool | None = None
    parts: dict[str, WeightSchedule] = field(default_factory=dict)

    def describe(self) -> str:
        """The loss with its hyperparameters, sources and weight in a line."""
        options = getattr(self.loss, "keywords", {})
        label = f"{loss_label(self.loss)}({', '.join(f'{k}={v}' for k, v in options.items())})"
        if isinstance(self.loss, nn.Module):
            label = str(self.loss).replace("\n", " ")
        return f"{self.weight} * {label} on {', '.join(f'{a}={s}' for a, s in self.sources.items())}"


class LossTerm(nn.Module):
    """One loss, its adapters (one per pyramid level) and its weight.

    Adapters and a loss's own layers exist after `build`, which needs example values; until then the student's
    tensors go in as they are. A loss with layers that is called for each level has a copy for each.

    A loss module may say more about a call than its value: scalars by name in an attribute ``logged``. They are kept
    here, as ``<name of the term>_<key>``, for trainers to log. No weight scales them, and they are in no sum; of levels
    they are the mean.
    """

    def __init__(self, spec: TermSpec):
        super().__init__()
        self.spec = spec
        self.loss = spec.loss if isinstance(spec.loss, nn.Module) else None
        self.adapter: nn.Module = nn.Identity()
        models = {argument: source.model for argument, source in spec.sources.items()}
        self._levelled = [a for a, model in models.items() if model != GROUND_TRUTH]
        students = [a for a in self._levelled if models[a] == STUDENT]
        self._student_argument = STUDENT if STUDENT in self._levelled else next(iter(students), None)
        others = [a for a in self._levelled if a != self._student_argument]
        # In self-distillation a deeper part of the student takes the teacher's place, for a peer the student does.
        self._teacher_arguments = [a for a in others if a not in students] or others
        self.rows: list[tuple[str, ...]] = []
        self.logged: dict[str, Tensor] = {}
        self._built = False

    def _declared(self, name: str, default: Any) -> Any:
        loss = self.spec.loss.func if isinstance(self.spec.loss, functools.partial) else self.spec.loss
        return getattr(loss, name, default)

    @property
    def adapter_kind(self) -> str | None:
        """The adapter kind after asking the loss."""
        return self._declared("adapter", "auto") if self.spec.adapter == "loss" else self.spec.adapter

    @property
    def resizes(self) -> bool:
        """Whether teacher maps are brought to the student's grid, after asking the loss."""
        return self._declared("resize", True) if self.spec.resize is None else self.spec.resize

    def build(self, values: Mapping[str, Mapping[str, Any]], models: Mapping[str, nn.Module] | None = None) -> None:
        """Build adapters and the loss's own layers from example values; note the rows of the start-up table.

        Args:
            values: model name -> tap name -> tensor.
            models: the networks by name. A loss with ``teacher_paths`` is shown the modules at these paths of its
                teacher, as ``read_teacher(modules)``.

        Raises:
            ConfigError: naming the loss, for shapes or modules that do not fit it.
        """
        arguments = self._arguments(values)
        student = _levels(arguments.get(self._student_argument))
        teacher = _levels(arguments[self._teacher_arguments[0]]) if self._teacher_arguments else []
        if self.adapter_kind is not None and student and teacher and isinstance(student[0], Tensor):
            if len(student) != len(teacher):
                raise ConfigError(
                    f"loss {self.spec.name!r}: expected as many student as teacher levels but found "
                    f"{len(student)} and {len(teacher)}"
                )
            adapters = [
                build_adapter(self.adapter_kind, s.shape, t.shape, self.spec.name)
                for s, t in zip(student, teacher, strict=True)
            ]
            self.adapter = adapters[0] if len(adapters) == 1 else nn.ModuleList(adapters)
        try:
            self._show_teacher(models or {})
            if isinstance(self.loss, ShapedLoss):
                self._build_loss(arguments)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"loss {self.spec.name!r} ({self._shown(arguments)}): {error}") from error
        self._built = True
        self._describe(arguments)
        if all(_known(value) for value in arguments.values()):
            self._rehearse(values)

    def _rehearse(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Compute the loss once, so that a mistake shows now and not when a schedule first wants it."""
        kept = {name: buffer.clone() for name, buffer in self.named_buffers()}
        with torch.no_grad(), torch.random.fork_rng():
            self(values, step=0)
        for name, buffer in self.named_buffers():
            buffer.copy_(kept[name])

    def _show_teacher(self, models: Mapping[str, nn.Module]) -> None:
        paths = getattr(self.loss, "teacher_paths", ())
        if paths and self._teacher_arguments:
            teacher = models[self.spec.sources[self._teacher_arguments[0]].model]
            self.loss.read_teacher([find_module(teacher, path) for path in paths])

    def _build_loss(self, arguments: dict[str, Any]) -> None:
        adapted = self._adapted(dict(arguments))
        shapes = {a: _shapes(adapted[a]) for a in self._levelled}
        lists = self._levels_of(adapted)
        count = len(lists[0]) if lists else 0
        if self.loss.levels == "all" or not count:
            self.loss.build(**shapes)
            return
        self.loss = nn.ModuleList([copy.deepcopy(self.loss) for _ in range(count)])
        for level, loss in enumerate(self.loss):
            loss.build(**{a: s[level] if isinstance(s, list) else s for a, s in shapes.items()})

    def _describe(self, arguments: Mapping[str, Any]) -> None:
        label = loss_label(self.spec.loss)
        self.rows = []
        for position, (argument, source) in enumerate(self._bound(arguments)):
            shapes = ", ".join(_shape(value) for value in _levels(arguments[argument]))
            adapter = describe_adapter(self.adapter) if argument == self._student_argument else "-"
            ends = (label, str(self.spec.weight)) if position == 0 else ("", "")
            self.rows.append((f"{argument} = {source}", shapes, adapter, *ends))

    def _arguments(self, values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        arguments = {}
        for argument, source in self.spec.sources.items():
            offered = values.get(source.run, {})
            if source.name not in offered:
                if source.optional:
                    continue
                if source == Source(GROUND_TRUTH, argument):
                    given = "target=y" if argument == "target" else f"targets=dict({argument}=…)"
                    raise ConfigError(f"loss {self.spec.name!r} needs {argument}; give it to the call: (x, {given})")
                raise ConfigError(
                    f"loss {self.spec.name!r}: {argument}={str(source)!r} is not there; {source.run} offers "
                    f"{', '.join(offered) or 'nothing'}{did_you_mean(source.name, offered)}"
                )
            arguments[argument] = offered[source.name]
        return arguments

    def forward(self, values: Mapping[str, Mapping[str, Any]], step: int) -> dict[str, Tensor]:
        """The weighted loss as ``{'loss_<name>': scalar}``, or one entry per part the loss returns.

        Values that are lists (pyramid levels) give the sum over levels.

        Args:
            values: model name -> tap name -> tensor.
            step: training step, for the weight.
        """
        weight = self.spec.weight(step)
        arguments = self._adapted(self._arguments(values))
        lists = self._levels_of(arguments)
        if not lists or self._declared("levels", "each") == "all":
            parts = self._call(self._function(), arguments)
            self.logged = self._extras(self._function())
        else:
            each, extras = [], []
            for level in range(len(lists[0])):
                levelled = {a: v[level] for a, v in arguments.items() if a in self._levelled and isinstance(v, list)}
                at_level = {**arguments, **levelled}
                each.append(self._call(self._function(level), at_level))
                extras.append(self._extras(self._function(level)))
            parts = {key: sum(part[key] for part in each) for key in each[0]}
            self.logged = {key: sum(one[key] for one in extras) / len(extras) for key in extras[0]}
        weights = {f"loss_{self.spec.name}_{part}": each(step) for part, each in self.spec.parts.items()}
        unknown = sorted(weights.keys() - parts.keys())
        if unknown:
            stem = f"loss_{self.spec.name}_"
            names = ", ".join(key.removeprefix(stem) for key in parts if key.startswith(stem)) or "none, but one value"
            raise ConfigError(f"loss {self.spec.name!r} has no part {unknown[0].removeprefix(stem)!r}; it has {names}")
        return {key: weight * weights.get(key, 1.0) * value for key, value in parts.items()}

    def adversaries(self) -> list[AdversarialLoss]:
        """The losses of this term, one for each level, that have a critic."""
        losses = self.loss if isinstance(self.loss, nn.ModuleList) else [self.loss]
        return [loss for loss in losses if isinstance(loss, AdversarialLoss)]

    def critic_losses(self, values: Mapping[str, Mapping[str, Any]]) -> dict[str, Tensor]:
        """What the critics of this term minimise, as ``{'critic_<name>': scalar}``, summed over levels; {} without any.

        Args:
            values: model name -> tap name -> tensor, of which none gets a gradient.
        """
        critics = self.adversaries()
        if not critics:
            return {}
        with torch.no_grad():
            arguments = self._adapted(self._arguments(values))
        found = []
        for level, loss in enumerate(critics):
            levelled = {a: v[level] for a, v in arguments.items() if a in self._levelled and isinstance(v, list)}
            found += self._call(loss.critic_loss, {**arguments, **levelled}).values()
        return {f"critic_{self.spec.name}": sum(found)}

    def _extras(self, loss: Callable) -> dict[str, Tensor]:
        """What the loss says about its last call beside its value, without gradient."""
        extras = getattr(loss, "logged", None)
        if not isinstance(extras, Mapping):
            return {}
        extras = {f"{self.spec.name}_{key}": value.detach() for key, value in extras.items()}
        wrong = next((key for key in extras if "loss" in key), None)
        if wrong:  # the engine adds up whatever has that word in its name
            raise ConfigError(
                f"loss {self.spec.name!r}: expected a name without 'loss' in it, for {loss_label(loss)} logs more than "
                f"its value, but found {wrong!r}"
            )
        return extras

    def _function(self, level: int = 0) -> Callable:
        return self.loss[level] if isinstance(self.loss, nn.ModuleList) else self.spec.loss

    def _levels_of(self, arguments: Mapping[str, Any]) -> list[list]:
        return [arguments[a] for a in self._levelled if isinstance(arguments[a], list)]

    def _adapted(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Arguments with the student's tensors through their adapters, and the teacher's fitted to them."""
        for argument in self._levelled:
            if isinstance(arguments[argument], tuple):
                arguments[argument] = list(arguments[argument])
        student = _levels(arguments.get(self._student_argument))
        adapters = self.adapter if isinstance(self.adapter, nn.ModuleList) else [self.adapter] * len(student)
        student = [a(s) if isinstance(s, Tensor) else s for a, s in zip(adapters, student, strict=True)]
        for argument in self._teacher_arguments:
            given = arguments[argument]
            partner = argument.replace("teacher", STUDENT)  # teacher_features go with student_features
            own = partner not in (argument, self._student_argument)
            beside = (own and _levels(arguments.get(partner))) or student
            if len(_levels(given)) == len(beside):
                fitted = [self._fit(t, s) for t, s in zip(_levels(given), beside, strict=True)]
                arguments[argument] = fitted if isinstance(given, list) else fitted[0]
        if student:
            listed = isinstance(arguments[self._student_argument], list)
            arguments[self._student_argument] = student if listed else student[0]
        return arguments

    def _call(self, loss: Callable, arguments: dict[str, Any]) -> dict[str, Tensor]:
        try:
            result = loss(**arguments)
        except (TypeError, ValueError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not self._shapes_differ(arguments):
                raise
            raise ConfigError(f"loss {self.spec.name!r} ({self._shown(arguments)}): {error}") from error
        if isinstance(result, Mapping):
            return {f"loss_{self.spec.name}_{key.removeprefix('loss_')}": v for key, v in result.items()}
        return {f"loss_{self.spec.name}": result}

    def _fit(self, teacher: Any, student: Any) -> Any:
        """The teacher's tensor on the student's grid, and in no lower a precision than the student's."""
        if not (isinstance(teacher, Tensor) and isinstance(student, Tensor)):
            return teacher
        if self.resizes:
            teacher = resize_to_student(teacher, student)
        if not self._built and self.adapter_kind is not None and student.shape != teacher.shape:
            raise ConfigError(
                f"loss {self.spec.name!r}: expected tensors of one shape but found {tuple(student.shape)} of the "
                f"student and {tuple(teacher.shape)} of the teacher; give an example input (distill(…, example=x)) "
                f"so that an adapter is built, or set adapter=None for a loss that takes them as they are"
            )
        both_floating = student.is_floating_point() and teacher.is_floating_point()
        if both_floating and torch.finfo(teacher.dtype).bits < torch.finfo(student.dtype).bits:
            teacher = teacher.to(student.dtype)
        return teacher

    def _shapes_differ(self, arguments: Mapping[str, Any]) -> bool:
        models = [a for a in self._levelled if isinstance(arguments[a], Tensor)]
        return len({arguments[a].shape for a in models}) > 1

    def _shown(self, arguments: Mapping[str, Any]) -> str:
        return ", ".join(f"{a}={s} {_shape(arguments[a])}" for a, s in self._bound(arguments))

    def _bound(self, arguments: Mapping[str, Any]) -> list[tuple[str, Source]]:
        return [(argument, source) for argument, source in self.spec.sources.items() if argument in arguments]


def _known(value: Any) -> bool:
    """Whether an example's value is one, and not a stand-in for what the example lacks."""
    return all(isinstance(each, Tensor) for each in _levels(value))


def _levels(value: Any) -> list:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]


def _shapes(value: Any) -> Any:
    return [each.shape for each in value] if isinstance(value, (list, tuple)) else value.shape


def _shape(value: Any) -> str:
    return "x".join(map(str, value.shape)) if hasattr(value, "shape") else type(value).__name__


class DistillationTerms(nn.ModuleDict):
    """All terms of a distillation by name; trainable adapters and loss modules live in here."""

    def __init__(self, specs: Iterable[TermSpec] = ()):
        super().__init__({spec.name: LossTerm(spec) for spec in specs})

    def build(self, values: Mapping[str, Mapping[str, Any]], models: Mapping[str, nn.Module] | None = None) -> None:
        """Build every term; see `LossTerm.build`."""
        for term in self.values():
            term.build(values, models)

    def active(self, step: int) -> list[LossTerm]:
        """Terms whose weight at ``step`` is not 0."""
        return [term for term in self.values() if term.spec.weight(step) != 0]

    def runs(self, step: int | None) -> set[str]:
        """Forward passes that the active terms (None: all) need: names of models, ``MODEL@VIEW`` of views."""
        terms = self.values() if step is None else self.active(step)
        return {source.run for term in terms for source in term.spec.sources.values()}

    def forward(self, values: Mapping[str, Mapping[str, Any]], step: int = 0) -> dict[str, Tensor]:
        """Weighted losses of the active terms, each under its own key."""
        losses: dict[str, Tensor] = {}
        for term in self.active(step):
            losses.update(term(values, step))
        return losses

    def adversaries(self) -> list[AdversarialLoss]:
        """The losses of all terms that have a critic."""
        return [loss for term in self.values() for loss in term.adversaries()]

    def critic_losses(self, values: Mapping[str, Mapping[str, Any]], step: int) -> dict[str, Tensor]:
        """What the critics of the active terms minimise; see `LossTerm.critic_losses`."""
        return {key: value for term in self.active(step) for key, value in term.critic_losses(values).items()}

    def logged(self, step: int) -> dict[str, Tensor]:
        """What the losses of the active terms said about their last call; see `LossTerm`."""
        return {key: value for term in self.active(step) for key, value in term.logged.items()}

    def table(self) -> list[tuple[str, ...]]:
        """Rows (argument and source, shapes, adapter, loss, weight) for the start-up table."""
        return [row for term in self.values() for row in term.rows]


TABLE_COLUMNS = ("tap", "shape", "adapter", "loss", "weight")
