"""The trainable wrapper: a student with frozen teachers and distillation losses, as a model of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel, ModuleDict
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import MODELS
from torch import Tensor, nn

from common.binding import read_tap_paths, read_term
from common.cache import CachedTeacher, cached_teacher, used_paths
from common.checkpoint import load_strictly
from common.errors import ConfigError
from common.finite import check_finite
from common.ground_truth import ground_truth
from common.inheritance import read_inheritance
from common.modes import in_eval_mode
from common.registry import EXAMPLES
from common.start import start_from
from common.taps import Taps
from common.teacher import EMATeacher
from common.teacher_config import build_teacher, input_conversion
from common.terms import GROUND_TRUTH, STUDENT, DistillationTerms, TermSpec, run_name
from common.views import IMAGE, frames

CRITIC = "critic"
DISTILL_PREFIX = "distill."
MEANS_PREFIX = f"{DISTILL_PREFIX}means."


@MODELS.register_module()
class Distiller(BaseModel):
    """Trains a student next to frozen teachers.

    The state dict is the student's, under its own keys; adapters and loss modules follow under ``distill.``
    (`common.hooks.SplitCheckpointHook` keeps them apart in checkpoints). Validation and prediction are the
    student's alone.

    To see that teachers really loaded, add ``dict(type='TeacherCheckHook')`` to ``custom_hooks``: it scores them on
    a few validation images before training.

    Args:
        student: model config, as without distillation; its own losses stay.
        teachers: name -> dict with ``config`` (a config file) or ``model`` (a model config), ``checkpoint``
            (file or URL; None: it keeps what its model starts with), ``mode`` and ``dtype`` as in
            `common.teacher.FrozenTeacher`, ``trust`` as in `common.checkpoint.read_checkpoint`, ``cache``: a folder
            where its outputs for the training data are stored, so that it runs only once (`common.cache`; the data
            must not be augmented); or with ``ema`` alone, a momentum for a step of the optimiser: the running mean of
            the student's own weights (`common.teacher.EMATeacher`).
        peers: name -> dict with ``model`` (a model config): networks that are trained beside the student, with their
            own losses and in the same optimiser (mutual learning), and dropped after it.
        taps: tap name -> module path in every model, or a dict from model name (``student``, a teacher's or
            peer's name) to path, or to a list of paths (pyramid levels).
        losses: name -> dict with ``type``; the loss's tensor arguments, each naming a tap (``'logits'``: on the
            model the argument is named after, ``'tough.logits'``: on that one, ``'peer.logits'`` also as the
            ``student`` of a loss; ``'logits@next'``: on the frame ``frame_next`` of the samples, see `common.views`,
            whose image is ``'image@next'`` beside the sample's own, ``'image'``) or ground truth (``'gt_sem_seg'``);
            its hyperparameters; and ``weight`` (number or schedule), ``parts`` (the same for single parts of a loss
            that returns several), ``adapter``, ``resize``.
        example: config of a batch (registry `EXAMPLES`) to find tap shapes with; by default two zero images of
            64 x 64 pixels in the model's tensor mode.
        inherit: paths of modules of the student that start with the weights of the teacher's at the same path, such as
            ``['neck', 'bbox_head']``; of a dict from teacher's name to paths where there are several teachers. They
            must have the same weights in number and shape.
        start: checkpoint (file or URL) of the student's architecture that it starts with (a warm start), every key of
            which must fit; what is inherited takes its place. None: its own start.
        trust_start: see ``trust`` of `common.checkpoint.read_checkpoint`.

    Raises:
        ConfigError: for unknown keys, taps or losses, and shapes that do not fit, before training starts.
        CheckpointError: for a checkpoint that is missing, or does not cover the teacher or student it is for.
    """

    def __init__(
        self,
        student: dict,
        teachers: Mapping[str, Mapping[str, Any]] | None = None,
        taps: Mapping[str, Any] | None = None,
        losses: Mapping[str, Mapping[str, Any]] | None = None,
        example: dict | None = None,
        peers: Mapping[str, Mapping[str, Any]] | None = None,
        inherit: Sequence[str] | Mapping[str, Sequence[str]] = (),
        start: str | None = None,
        trust_start: bool = False,
    ):
        student_model = MODELS.build(student)
        super().__init__(data_preprocessor=student_model.data_preprocessor)
        self.student = student_model
        self._start = None if start is None else start_from(student_model, start, trust_start)
        with torch.random.fork_rng():
            # Losses before teachers: a misspelt key should not wait until a teacher is trained.
            names = list(teachers or {})
            paths = read_tap_paths(taps or {}, [STUDENT, *names, *(peers or {})])
            specs = [read_term(name, cfg, paths, names) for name, cfg in (losses or {}).items()]
            self.peers = ModuleDict({name: _build_peer(name, cfg) for name, cfg in (peers or {}).items()})
            self.teachers = {name: build_teacher(name, cfg, student_model) for name, cfg in (teachers or {}).items()}
            others = {**{name: teacher.model for name, teacher in self.teachers.items()}, **self.peers}
            self._conversions = {
                name: input_conversion(student_model.data_preprocessor, other.data_preprocessor)
                for name, other in others.items()
            }
            for name, cfg in (teachers or {}).items():
                if cfg.get("cache") is not None:
                    self._store_outputs(name, cfg["cache"], used_paths(specs, name, paths[name]))
            self.terms = DistillationTerms(specs)
            self._taps = self._attach(specs, paths)
            self._build_adapters(example, {STUDENT: student_model, **others})
        self._inherited = read_inheritance(inherit, student_model, self.teachers)
        self.register_state_dict_post_hook(_bare_keys)
        self.register_load_state_dict_pre_hook(_own_keys)

    def _store_outputs(self, name: str, settings: Mapping[str, Any], paths: list[str]) -> None:
        """Put what a teacher gives for the training data in its place."""
        convert = self._conversions.pop(name)
        with torch.random.fork_rng():  # whether they are there already or not, what is drawn next is the same
            stored = cached_teacher(self.teachers[name], settings, paths, self.student.data_preprocessor, convert)
        self.teachers[name] = stored

    def _attach(self, specs: list[TermSpec], paths: dict[str, dict[str, list[str]]]) -> dict[str, Taps]:
        """The taps of every forward pass, by its name: of each model on a sample's image, and on the views it needs."""
        sources = [source for spec in specs for source in spec.sources.values()]
        views = {(s.model, s.view) for s in sources if s.view and s.model != GROUND_TRUTH}
        taps = {}
        for owner, view in [(name, "") for name in (STUDENT, *self.teachers, *self.peers)] + sorted(views):
            if view and (owner in self.peers or isinstance(self.teachers.get(owner), CachedTeacher)):
                raise ConfigError(
                    f"expected a view of the student or of a teacher without cache but found {owner}@{view}"
                )
            used = {s.name for s in sources if (s.model, s.view) == (owner, view)}
            flat = {
                f"{n}#{i}" if len(paths[owner][n]) > 1 else n: p for n in used for i, p in enumerate(paths[owner][n])
            }
            if owner in self.teachers:
                taps[run_name(owner, view)] = Taps(self.teachers[owner].model, flat, owner, shared=True)
            else:
                model = self.student if owner == STUDENT else self.peers[owner]
                taps[run_name(owner, view)] = Taps(model, flat, owner)
        return taps

    def _build_adapters(self, example: dict | None, models: Mapping[str, nn.Module]) -> None:
        batch = {"inputs": torch.zeros(2, 3, 64, 64), "data_samples": None}
        if example is not None:
            # The engine would first look in its own packages, and warn that they have no such registry.
            batch = EXAMPLES.build({**example, "_scope_": EXAMPLES.scope, "model": self.student})
        with in_eval_mode(self.student), in_eval_mode(self.peers), torch.no_grad():
            _, values = self._run(batch["inputs"], batch["data_samples"], step=None)
        if batch["data_samples"] is None:
            known = values.setdefault(GROUND_TRUTH, {})
            known |= {name: _Unknown() for name in _ground_truth_names(self.terms) if name not in known}
        self.terms.build(values, models)

    def init_weights(self) -> None:
        """As the engine calls it before training: the student's own, its checkpoint's, then what it inherits."""
        super().init_weights()
        if self._start is not None:  # again, since hooks and the line above have changed weights
            load_strictly(self.student, self._start, "start")
        for own, of_teacher in self._inherited:
            own.load_state_dict(of_teacher.state_dict())

    def forward(self, inputs: Tensor, data_samples: Sequence | None = None, mode: str = "tensor") -> Any:
        """The student's forward; in mode ``'loss'`` its own losses and the distillation losses in one dict.

        What losses say beside their value is there too, under names without ``loss``: logged, but in no sum.
        """
        if mode != "loss":
            return self.student(inputs, data_samples, mode=mode)
        return self._with_terms(*self._training_run(inputs, data_samples))

    def train_step(self, data: Any, optim_wrapper: OptimWrapper | OptimWrapperDict) -> dict[str, Tensor]:
        """One iteration; where losses have critics, the critics' step on these maps comes before the student's.

        Args:
            data: a batch.
            optim_wrapper: the engine's; with critics that of `common.critics.CriticOptimWrapperConstructor`.

        Returns:
            What to log.

        Raises:
            ConfigError: for critics without an optimiser of their own.
            NonFiniteLossError: if a critic's loss is none.
        """
        if not self.terms.adversaries():
            return super().train_step(data, optim_wrapper)
        if not isinstance(optim_wrapper, OptimWrapperDict):
            raise ConfigError(
                "expected an optimiser for the critic of an adversarial loss but found one for all; set "
                "optim_wrapper=dict(constructor='CriticOptimWrapperConstructor', student=dict(…), critic=dict(…))"
            )
        with optim_wrapper[STUDENT].optim_context(self):
            losses, values = self._training_run(**self.data_preprocessor(data, True))
        with optim_wrapper[CRITIC].optim_context(self):
            critics = self.terms.critic_losses(values, self.step)
        if critics:  # none at a step at which their weight is 0
            check_finite(critics, self.step)
            optim_wrapper[CRITIC].update_params(sum(critics.values()))
            for loss in self.terms.adversaries():
                loss.after_critic_step()
        with optim_wrapper[STUDENT].optim_context(self):
            found = self._with_terms(losses, values)
        total, logged = self.parse_losses(found)
        optim_wrapper[STUDENT].update_params(total)
        return {**logged, **{name: value.detach() for name, value in critics.items()}}

    def _training_run(self, inputs: Tensor, data_samples: Sequence | None) -> tuple[dict, dict]:
        if self.training:
            # Here, not after the optimiser's step, which belongs to the engine: the same weights at the same time.
            for teacher in self._means().values():
                teacher.update(self.student)
        return self._run(inputs, data_samples, self.step)

    def _with_terms(self, losses: dict, values: dict) -> dict:
        """The student's own losses and those of distillation, with what these log."""
        added = self.terms(values, self.step)
        added |= self.terms.logged(self.step)
        taken = sorted(losses.keys() & added.keys())
        if taken:
            raise ConfigError(f"loss name {taken[0].removeprefix('loss_')!r}: the student has a {taken[0]} of its own")
        return {**losses, **added}

    @property
    def step(self) -> int:
        """The training iteration, as the runner counts it; 0 outside of a run."""
        return MessageHub.get_current_instance().runtime_info.get("iter", 0)

    def _run(self, inputs: Tensor, data_samples: Sequence | None, step: int | None) -> tuple[dict, dict]:
        """Student and teachers on one batch; ``step`` None is the dry run, which asks every teacher."""
        values = {}
        wanted = {*self._taps, *self.terms.runs(None)} if step is None else self.terms.runs(step)
        images = self._images(inputs, data_samples, wanted)
        # Teachers first: their activations are gone before the student's, which live until backward, are made.
        for run in [run for run in self._taps if run.partition("@")[0] in self.teachers and run in wanted]:
            name, _, view = run.partition("@")
            with self._taps[run].capture(stop_early=step is not None) as captured:
                self.teachers[name](self._converted(images[view], name), data_samples, mode="tensor")
            values[run] = captured
        mode = "loss" if data_samples is not None else "tensor"
        with self._taps[STUDENT].capture() as student:
            losses = self.student(inputs, data_samples, mode=mode)
        values[STUDENT] = student
        for view in [view for view in images if view and run_name(STUDENT, view) in wanted]:
            with self._taps[run_name(STUDENT, view)].capture() as captured:
                self.student(images[view], None, mode="tensor")
            values[run_name(STUDENT, view)] = captured
        for name, peer in self.peers.items():
            with self._taps[name].capture() as captured:
                own = peer(self._converted(inputs, name), data_samples, mode=mode)
            values[name] = captured
            if mode == "loss":
                losses = {**losses, **{f"{name}.{key}": value for key, value in own.items()}}
        if data_samples is not None:
            names = _ground_truth_names(self.terms) - {IMAGE}
            values[GROUND_TRUTH] = {name: ground_truth(data_samples, name) for name in names}
        gathered = {owner: _gather_levels(captured) for owner, captured in values.items()}
        for view, each in images.items():
            gathered.setdefault(run_name(GROUND_TRUTH, view), {})[IMAGE] = each
        return losses, gathered

    def _images(self, inputs: Tensor, data_samples: Sequence | None, wanted: set[str]) -> dict[str, Tensor]:
        """The batch's images by view, ``''`` for its own; a batch without samples is its own next frame."""
        views = sorted({run.partition("@")[2] for run in wanted if "@" in run})
        if data_samples is None:
            return dict.fromkeys(["", *views], inputs)
        return {"": inputs, **{v: frames(data_samples, v, self.student.data_preprocessor, inputs) for v in views}}

    def _converted(self, inputs: Tensor, name: str) -> Tensor:
        convert = self._conversions.get(name)
        return convert(inputs) if convert else inputs

    def _means(self) -> dict[str, EMATeacher]:
        return {name: teacher for name, teacher in self.teachers.items() if isinstance(teacher, EMATeacher)}

    def _apply(self, fn: Callable, recurse: bool = True) -> Distiller:
        moved = super()._apply(fn, recurse)
        device = next(self.student.parameters()).device
        for teacher in self.teachers.values():
            teacher._apply(fn)
            if isinstance(teacher.model, BaseModel):
                teacher.model._set_device(device)  # where its preprocessor puts images
        return moved


def _build_peer(name: str, cfg: Mapping[str, Any]) -> nn.Module:
    if set(cfg) != {"model"}:
        raise ConfigError(f"peer {name!r}: expected model= alone but found {', '.join(cfg) or 'nothing'}")
    return MODELS.build(cfg["model"])


class _Unknown:
    shape = ("?",)


def _ground_truth_names(terms: DistillationTerms) -> set[str]:
    return {s.name for term in terms.values() for s in term.spec.sources.values() if s.model == GROUND_TRUTH}


def _gather_levels(captured: Mapping[str, Any]) -> dict[str, Any]:
    """Join taps ``name#0``, ``name#1``, … into one list under ``name``."""
    values: dict[str, Any] = {}
    for name in sorted(captured, key=lambda n: (n.partition("#")[0], int(n.partition("#")[2] or 0))):
        base, _, level = name.partition("#")
        if level:
            values.setdefault(base, []).append(captured[name])
        else:
            values[base] = captured[name]
    return values


def _bare_keys(module: Distiller, state: dict[str, Tensor], prefix: str, _metadata: dict) -> None:
    for key in [k for k in state if k.startswith(prefix)]:
        own = key.removeprefix(prefix)
        bare = own.removeprefix("student.") if own.startswith("student.") else DISTILL_PREFIX + own
        state[prefix + bare] = state.pop(key)
    for name, teacher in module._means().items():
        state.update({f"{prefix}{MEANS_PREFIX}{name}.{key}": value for key, value in teacher.state_dict().items()})


def _own_keys(module: Distiller, state: dict[str, Tensor], prefix: str, *_args: Any) -> None:
    for name, teacher in module._means().items():
        start = f"{prefix}{MEANS_PREFIX}{name}."
        mean = {key.removeprefix(start): state.pop(key) for key in [k for k in state if k.startswith(start)]}
        if mean:
            teacher.load_state_dict(mean)
    for key in [k for k in state if k.startswith(prefix)]:
        bare = key.removeprefix(prefix)
        own = bare.removeprefix(DISTILL_PREFIX) if bare.startswith(DISTILL_PREFIX) else f"student.{bare}"
        state[prefix + own] = state.pop(key)
