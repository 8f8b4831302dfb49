"""What a distillation step costs beside a plain step and a teacher's forward pass, measured in one run."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.model.utils import revert_sync_batchnorm
from mmengine.optim import OptimWrapper, OptimWrapperDict, build_optim_wrapper
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from common.distiller import CRITIC
from common.errors import ConfigError
from common.finite import check_finite
from common.report import Table
from common.terms import STUDENT, DistillationTerms

STUDENT_STEP = "student step"
TEACHER_FORWARD = "teacher forward"
FLOOR = (STUDENT_STEP, TEACHER_FORWARD)
STEP = "{} step"
LOSS = "{} loss alone"
CRITIC_STEP = "{} critic's step alone"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
DTYPES = ("float16", "bfloat16")


@dataclass(frozen=True)
class Options:
    """What all phases of a benchmark share.

    Attributes:
        size: height and width of the images.
        batch: images per step.
        device: ``'cpu'`` or ``'cuda'``.
        amp: autocast with gradient scaling; CUDA only.
        teacher_dtype: precision of the teacher in the distillation steps; the floor's teacher has the student's.
        compile: compile the networks with `torch.compile`.
        channels_last: keep images and weights in channels-last order.

    Raises:
        ConfigError: for a device that is not there, or an option that the device does not have.
    """

    size: tuple[int, int]
    batch: int
    device: str = "cpu"
    amp: bool = False
    teacher_dtype: str | None = None
    compile: bool = False
    channels_last: bool = False

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ConfigError(f"expected --batch of at least 1 but found {self.batch}")
        if self.device not in ("cpu", "cuda"):
            raise ConfigError(f"expected --device cpu or cuda but found {self.device!r}")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("expected a GPU for --device cuda but found none; use --device cpu")
        if self.amp and self.device != "cuda":
            raise ConfigError("expected --device cuda with --amp but found cpu; leave --amp out")
        if self.teacher_dtype not in (None, *DTYPES):
            raise ConfigError(f"expected --teacher-dtype {' or '.join(DTYPES)} but found {self.teacher_dtype!r}")

    @property
    def dtype(self) -> torch.dtype | None:
        """``teacher_dtype`` as torch has it."""
        return getattr(torch, self.teacher_dtype) if self.teacher_dtype else None

    def autocast(self) -> Any:
        """A context of mixed precision, or of nothing without ``amp``."""
        return torch.autocast(self.device) if self.amp else nullcontext()

    def place(self, module: nn.Module) -> nn.Module:
        """A module moved to the device, in the wanted memory order."""
        module = module.to(self.device)
        return module.to(memory_format=torch.channels_last) if self.channels_last else module

    def synchronise(self) -> None:
        """Wait for what the device still has to do."""
        if self.device == "cuda":
            torch.cuda.synchronize()


@dataclass
class Comparison:
    """The phases of one benchmark, by name; `STUDENT_STEP` and `TEACHER_FORWARD` make the floor.

    Attributes:
        phases: what to run, in the order of a round.
        steps: names of the phases that are held against the floor.
        facts: what the networks are, for the report.
        floors: phase -> the phases that make its floor where that is another, such as that of a step on two frames.
    """

    phases: dict[str, Callable[[], object]]
    steps: list[str]
    facts: dict[str, object] = field(default_factory=dict)
    floors: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Spread(NamedTuple):
    """Median and quartiles over rounds."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Median, first and third quartile, interpolated linearly."""
        lower, median, upper = np.percentile(values, [25, 50, 75])
        return cls(float(median), float(lower), float(upper))


def time_rounds(
    phases: Mapping[str, Callable[[], object]],
    rounds: int,
    warmup: int = 2,
    clock: Callable[[], float] = time.perf_counter,
    synchronise: Callable[[], object] = lambda: None,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> dict[str, list[float]]:
    """Time phases in turn, A B C A B C …, so that what slows the machine down for a while slows all of them.

    Args:
        phases: name -> what to time.
        rounds: timed rounds.
        warmup: rounds before them that are not timed.
        clock: seconds.
        synchronise: waits for the device; called before each look at the clock.
        progress: goes through the rounds, and may show a bar.

    Returns:
        Name -> seconds, one number per round.

    Raises:
        ConfigError: if there is no round to time.
    """
    if rounds < 1 or warmup < 0:
        raise ConfigError(f"expected at least 1 round and 0 to warm up but found {rounds} and {warmup}")
    seconds: dict[str, list[float]] = {name: [] for name in phases}
    for index in progress(range(warmup + rounds)):
        for name, run in phases.items():
            synchronise()
            start = clock()
            run()
            synchronise()
            if index >= warmup:
                seconds[name].append(clock() - start)
    return seconds


def over_floor(seconds: Mapping[str, Sequence[float]], name: str, floor: Sequence[str] = FLOOR) -> list[float]:
    """Per round: seconds of phase ``name`` over the sum of those of the phases ``floor`` in the same round."""
    rounds = zip(*(seconds[phase] for phase in (name, *floor)), strict=True)
    return [phase / sum(parts) for phase, *parts in rounds]


def over_plain(result: Mapping[str, Any], name: str) -> Spread:
    """How many times as long phase ``name`` of what `measure` gives takes as a plain step of the same round."""
    rounds = (result["phases"][phase]["seconds"]["rounds"] for phase in (name, STUDENT_STEP))
    return Spread.of([one / plain for one, plain in zip(*rounds, strict=True)])


def peak_bytes(run: Callable[[], object], device: str = "cpu") -> int:
    """The most bytes of tensors that ``run`` holds at a time, beyond those that were alive before it.

    Weights, optimiser state and inputs are therefore not in it; activations, gradients and temporaries are. It is
    what torch's allocator hands out: on the CPU the scratch memory of convolution libraries comes on top.
    ``run`` should free nothing that was alive before; on the CPU that would not be seen.
    """
    if device == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as recorded:
        run()
    events = [event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return int(max(np.cumsum([0, *changes])))


def measure(
    comparison: Comparison,
    options: Options,
    rounds: int,
    warmup: int = 2,
    clock: str = "wall",
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> dict[str, object]:
    """Time all phases and measure their memory.

    Args:
        clock: ``'wall'``, or ``'cpu'``: the process's own processor time, all threads together. That leaves out
            what other jobs on the machine take, and everything that a GPU does.

    Returns:
        ``options``, ``facts``, ``floors``, ``threads``, ``clock``, ``rounds``, ``warmup``; ``phases``: name ->
        ``seconds`` (median, quartiles, every round), ``over_floor`` (the same, as a ratio) and ``peak_bytes``; and
        ``steps``, the names of the phases whose ``over_floor`` is the overhead of distilling.

    Raises:
        ConfigError: for a clock that cannot see the device.
    """
    if clock == "cpu" and options.device != "cpu":
        raise ConfigError("expected --clock wall with --device cuda but found cpu; the GPU's time is not in that")
    seconds = time_rounds(comparison.phases, rounds, warmup, CLOCKS[clock], options.synchronise, progress)
    phases = {}
    for name, run in comparison.phases.items():
        ratios = over_floor(seconds, name, comparison.floors.get(name, FLOOR))
        phases[name] = {
            "seconds": {**Spread.of(seconds[name])._asdict(), "rounds": seconds[name]},
            "over_floor": {**Spread.of(ratios)._asdict(), "rounds": ratios},
            "peak_bytes": peak_bytes(run, options.device),
        }
    return {
        "options": asdict(options),
        "facts": comparison.facts,
        "floors": {name: list(floor) for name, floor in comparison.floors.items()},
        "threads": torch.get_num_threads(),
        "clock": clock,
        "rounds": rounds,
        "warmup": warmup,
        "steps": list(comparison.steps),
        "phases": phases,
    }


def result_table(result: Mapping[str, Any], task: str) -> Table:
    """A row per phase: time, its ratio to the floor of the same round, and memory; the title says how measured."""
    rows = []
    for name, phase in result["phases"].items():
        took, ratio = phase["seconds"], phase["over_floor"]
        rows.append(
            (
                name,
                f"{1e3 * took['median']:.1f}",
                f"{1e3 * took['lower']:.1f}-{1e3 * took['upper']:.1f}",
                f"{ratio['median']:.3f}",
                f"{ratio['lower']:.3f}-{ratio['upper']:.3f}",
                f"{phase['peak_bytes'] / 2**20:.1f}",
            )
        )
    return Table(_title(result, task), ("phase", "ms", "quartiles", "over floor", "quartiles", "peak MiB"), rows)


def _title(result: Mapping[str, Any], task: str) -> str:
    options = result["options"]
    height, width = options["size"]
    parts = [task, f"{height}x{width}", f"batch {options['batch']}", options["device"]]
    parts += [name.replace("_", " ") for name in ("amp", "compile", "channels_last") if options[name]]
    if options["teacher_dtype"]:
        parts.append(f"teacher in {options['teacher_dtype']}")
    return ", ".join([*parts, f"threads {result['threads']}", f"{result['clock']} time", f"rounds {result['rounds']}"])


def training_step(
    loss: Callable[[], Tensor], optimizer: torch.optim.Optimizer, options: Options
) -> Callable[[], object]:
    """Forward, backward and optimiser step of a plain training loop."""
    scaler = torch.amp.GradScaler(options.device, enabled=options.amp)

    def step() -> None:
        with options.autocast():
            value = loss()
        scaler.scale(value).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    return step


def engine_step(model: BaseModel, cfg: Config, batch: dict[str, Any], options: Options) -> Callable[[], object]:
    """One training iteration of the engine on ``batch``, with the config's optimisers at learning rate 0."""
    optimizer = _standing_optimizer(model, cfg, options)

    def step() -> None:
        check_finite(model.train_step(batch, optim_wrapper=optimizer), step=0)

    return step


def _standing_optimizer(model: BaseModel, cfg: Config, options: Options) -> OptimWrapper | OptimWrapperDict:
    """The config's optimisers at learning rate 0."""
    settings = copy.deepcopy(cfg.optim_wrapper)
    # With critics there is one for the student and one for them.
    for wrapper in (settings,) if "optimizer" in settings else (settings.student, settings.critic):
        wrapper.optimizer.lr = 0.0
        if options.amp:
            wrapper.type = "AmpOptimWrapper"
    return build_optim_wrapper(model, settings)


def placed(model: BaseModel, options: Options) -> BaseModel:
    """A network in training mode where and how the options want it, with plain batch norm, as in a run of one process.

    Only its backbone (a distiller's student's) is compiled: taps sit behind it.
    """
    model = options.place(revert_sync_batchnorm(model)).train()
    if options.compile:
        getattr(model, "student", model).backbone.compile()
    return model


def loss_alone(terms: DistillationTerms, step: Callable[[], object], options: Options) -> Callable[[], object]:
    """Forward and backward of the distillation losses on tensors that one run of ``step`` leaves behind."""
    values, at_step = _left_behind(terms, step)
    # A student's maps of another frame, STUDENT@VIEW, get gradients too.
    detached = {owner: _detached(each, owner.partition("@")[0] == STUDENT) for owner, each in values.items()}
    leaves = [t for t in _tensors(detached) if t.requires_grad]

    def run() -> None:
        with options.autocast():
            value = sum(terms(detached, at_step).values())
        value.backward()
        for leaf in leaves:
            leaf.grad = None

    return run


def critic_alone(model: BaseModel, cfg: Config, step: Callable[[], object], options: Options) -> Callable[[], object]:
    """The step of a distiller's critics on maps that one run of ``step`` leaves behind, at learning rate 0.

    That is their losses, backward, optimiser, and what comes after it.
    """
    values, at_step = _left_behind(model.terms, step)
    detached = {owner: _detached(each, False) for owner, each in values.items()}
    optimizer = _standing_optimizer(model, cfg, options)[CRITIC]

    def run() -> None:
        with optimizer.optim_context(model):
            losses = model.terms.critic_losses(detached, at_step)
        optimizer.update_params(sum(losses.values()))
        for loss in model.terms.adversaries():
            loss.after_critic_step()

    return run


def _left_behind(terms: DistillationTerms, step: Callable[[], object]) -> tuple[Any, int]:
    """What one run of ``step`` gives to the distillation losses: values by owner, and the training iteration."""
    stored: list[Any] = []
    handle = terms.register_forward_pre_hook(lambda _module, arguments: stored.append(arguments))
    try:
        step()
    finally:
        handle.remove()
    return stored[0]


def _detached(value: Any, trained: bool) -> Any:
    if isinstance(value, Mapping):
        return {key: _detached(each, trained) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_detached(each, trained) for each in value]
    if isinstance(value, Tensor):
        return value.detach().requires_grad_(trained and value.is_floating_point())
    return value


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    each = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [tensor for one in each for tensor in _tensors(one)]
