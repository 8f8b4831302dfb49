"""What each loss costs, forward and backward, beside other implementations; and what chunks save pair-wise losses."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common.benchmark import CLOCKS, Spread, peak_bytes, time_rounds
from common.errors import ConfigError, did_you_mean
from common.loss_benchmark.arguments import MINI, Draw, Shapes
from common.loss_benchmark.cases import CASES, Case
from common.loss_benchmark.peers import Arguments
from common.report import Table

OURS = "ours"
SECONDS = 15.0  # of timed runs for each case, where that leaves one round
SHORTEST = 0.01  # seconds of a phase; a faster loss is called several times in it
MOST_CALLS = 500


@dataclass(frozen=True)
class Options:
    """How losses are measured.

    Attributes:
        rounds: the most timed rounds; slow losses get fewer, at least one.
        clock: ``'wall'``, or ``'cpu'``, the process's own processor time.
        device: ``'cpu'`` or ``'cuda'``.
        mini: small shapes, for a quick look.

    Raises:
        ConfigError: for no rounds, a device that is not there or a clock that cannot see it.
    """

    rounds: int = 7
    clock: str = "wall"
    device: str = "cpu"
    mini: bool = False

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ConfigError(f"expected at least 1 round but found {self.rounds}")
        if self.device not in ("cpu", "cuda"):
            raise ConfigError(f"expected --device cpu or cuda but found {self.device!r}")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("expected a GPU for --device cuda but found none; use --device cpu")
        if self.device == "cuda" and self.clock == "cpu":
            raise ConfigError("expected --clock wall with --device cuda but found cpu; the GPU's time is not in that")

    @property
    def shapes(self) -> Shapes:
        return MINI if self.mini else Shapes()

    def synchronise(self) -> None:
        """Wait for what the device still has to do."""
        if self.device == "cuda":
            torch.cuda.synchronize()


def chosen(losses: Sequence[str] | None) -> list[Case]:
    """The cases of the named losses, or all.

    Raises:
        ConfigError: for a loss that is not in the table.
    """
    names = {case.loss for case in CASES}
    for name in losses or ():
        if name not in names:
            raise ConfigError(f"expected a loss of the benchmark but found {name!r}{did_you_mean(name, names)}")
    return [case for case in CASES if losses is None or case.loss in losses]


def prepared(case: Case, draw: Draw) -> tuple[dict[str, Callable[[], Tensor]], list[Tensor]]:
    """What computes the value, ours and of each peer that is installed, and the tensors that get gradients."""
    arguments = case.arguments(draw)
    leaves = [each.requires_grad_() for name in case.students for each in _listed(arguments[name])]
    loss = case.built(arguments, draw.device)
    values: dict[str, Callable[[], Tensor]] = {OURS: lambda: as_scalar(loss(**arguments))}
    for name, peer in case.peers.items():
        value = peer(loss, arguments)
        if value is not None:
            values[name] = value
    if isinstance(loss, nn.Module):
        leaves += list(loss.parameters())
    return values, leaves


def as_scalar(value: Tensor | Mapping[str, Tensor]) -> Tensor:
    """A loss's parts added up."""
    return sum(value.values()) if isinstance(value, Mapping) else value


def _listed(value: Any) -> list[Tensor]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def forward_and_backward(value: Callable[[], Tensor], leaves: Sequence[Tensor]) -> Callable[[], None]:
    """A run that leaves no gradient behind."""

    def run() -> None:
        value().backward()
        for leaf in leaves:
            leaf.grad = None

    return run


def timed(
    phases: Mapping[str, Callable[[], object]], options: Options, seconds: float = SECONDS
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of each run in each round, and the peak memory of each phase.

    The run under the memory profiler warms up. If it took all the seconds there are, one round follows; else another
    run tells how many rounds fit, and how often a fast phase is called within a round.
    """
    clock = CLOCKS[options.clock]

    def took(run: Callable[[], object]) -> float:
        return time_rounds({"": run}, 1, 0, clock, options.synchronise)[""][0]

    peaks = {}

    def profiled(name: str, run: Callable[[], object]) -> None:
        peaks[name] = peak_bytes(run, options.device)

    once = {name: took(functools.partial(profiled, name, run)) for name, run in phases.items()}
    rounds, calls = 1, dict.fromkeys(phases, 1)
    if sum(once.values()) < seconds:
        once = {name: took(run) for name, run in phases.items()}
        rounds = min(options.rounds, max(1, int(seconds / sum(once.values()))))
        calls = {name: min(MOST_CALLS, math.ceil(SHORTEST / max(each, 1e-6))) for name, each in once.items()}
    repeated = {name: functools.partial(_repeat, run, calls[name]) for name, run in phases.items()}
    found = time_rounds(repeated, rounds, 0, clock, options.synchronise)
    return {name: [each / calls[name] for each in values] for name, values in found.items()}, peaks


def _repeat(run: Callable[[], object], times: int) -> None:
    for _ in range(times):
        run()


def measure_case(case: Case, options: Options) -> dict[str, Any]:
    """Time and memory of one case.

    Returns:
        ``loss``, ``on``, ``shapes`` of the arguments, ``rounds``, ``note``; and by implementation, ours first,
        ``seconds`` (median, quartiles, every round), ``peak_bytes`` and for peers ``ratio``: ours over theirs, within
        each round.
    """
    draw = Draw(options.shapes, options.device)
    values, leaves = prepared(case, draw)
    phases = {name: forward_and_backward(value, leaves) for name, value in values.items()}
    seconds, peaks = timed(phases, options)
    found: dict[str, Any] = {}
    for name, each in seconds.items():
        found[name] = {"seconds": _spread(each), "peak_bytes": peaks[name]}
        if name != OURS:
            found[name]["ratio"] = _spread([own / other for own, other in zip(seconds[OURS], each, strict=True)])
    return {
        "loss": case.name,
        "on": case.on,
        "shapes": _shapes(case.arguments(Draw(options.shapes))),
        "rounds": len(seconds[OURS]),
        "implementations": found,
        "note": case.note.format(**asdict(options.shapes)),
    }


def _spread(values: Sequence[float]) -> dict[str, object]:
    return {**Spread.of(values)._asdict(), "rounds": list(values)}


def _shapes(arguments: Arguments) -> dict[str, object]:
    def shape(value: Any) -> object:
        if isinstance(value, Tensor):
            return list(value.shape)
        return [shape(each) for each in value] if isinstance(value, (list, tuple)) else value

    return {name: shape(value) for name, value in arguments.items()}


@dataclass(frozen=True)
class ChunkCase:
    """A pair-wise loss whose memory its ``chunk_size`` bounds; ``rows`` are all the rows that chunks are made of."""

    case: Case
    rows: Callable[[Arguments], int]


def _cells(arguments: Arguments, side: int = 2) -> int:
    return math.prod(arguments["student"].shape[2:]) // side**2


def _pixels(arguments: Arguments) -> int:
    return len(arguments["student"]) * _cells(arguments)


_FEATURES = next(case for case in CASES if case.loss == "skd_pairwise_loss").arguments
_EMBEDDINGS = next(case for case in CASES if case.loss == "rkd_angle_loss").arguments
CHUNKED: tuple[ChunkCase, ...] = (
    ChunkCase(Case("skd_pairwise_loss", "features", _FEATURES, {"kernel": 2}), _cells),
    ChunkCase(Case("cirkd_minibatch_loss", "features", _FEATURES, {"pool": 2}), _pixels),
    ChunkCase(Case("rkd_angle_loss", "embeddings", _EMBEDDINGS), lambda arguments: len(arguments["student"])),
)
PARTS = (32, 16, 8, 4, 2, 1)


def measure_chunks(chunked: ChunkCase, options: Options) -> dict[str, Any]:
    """Time and memory of a pair-wise loss at several chunk sizes; the last holds everything at once.

    Returns:
        ``loss``, ``on``, ``rows``, ``chunks``: a list of ``chunk_size``, ``seconds`` and ``peak_bytes``; and
        ``bytes_per_row``, ``bytes_without_rows`` and ``r_squared`` of the straight line through the peaks of real
        chunks.
    """
    case = chunked.case
    arguments = case.arguments(Draw(options.shapes, options.device))
    rows = chunked.rows(arguments)
    arguments["student"].requires_grad_()
    found = []
    for size in (rows // part for part in PARTS if rows >= part):
        loss = case.built(arguments)
        value = functools.partial(loss, **arguments, chunk_size=size)
        seconds, peaks = timed({OURS: forward_and_backward(value, [arguments["student"]])}, options)
        found.append({"chunk_size": size, "seconds": _spread(seconds[OURS]), "peak_bytes": peaks[OURS]})
    sizes, peaks = np.array([(each["chunk_size"], each["peak_bytes"]) for each in found[:-1]], dtype=float).T
    slope, rest = np.polyfit(sizes, peaks, 1)
    return {
        "loss": case.name,
        "on": case.on,
        "rows": rows,
        "chunks": found,
        "bytes_per_row": slope,
        "bytes_without_rows": rest,
        "r_squared": float(np.corrcoef(sizes, peaks)[0, 1] ** 2),
    }


def measure_losses(
    cases: Sequence[Case],
    options: Options,
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> dict[str, Any]:
    """Measure the cases, and the chunks of those pair-wise losses that are among them.

    Args:
        cases: as of `chosen`.
        progress: goes through what is measured, and may show a bar.

    Returns:
        ``losses`` and ``chunks``, lists of what `measure_case` and `measure_chunks` return, with ``device``,
        ``threads``, ``clock`` and ``mini``.
    """
    names = {case.loss for case in cases}
    chunked = [each for each in CHUNKED if each.case.loss in names]
    measured = [
        measure_case(each, options) if isinstance(each, Case) else measure_chunks(each, options)
        for each in progress([*cases, *chunked])
    ]
    return {
        "device": options.device,
        "threads": torch.get_num_threads(),
        "clock": options.clock,
        "mini": options.mini,
        "losses": measured[: len(cases)],
        "chunks": measured[len(cases) :],
    }


def losses_table(result: Mapping[str, Any]) -> Table:
    """A row for each loss and peer: milliseconds, their ratio within a round, and peak memory."""
    rows = []
    for row in result["losses"]:
        ours = row["implementations"][OURS]
        own = (row["loss"], row["on"], _milliseconds(ours), _quartiles(ours["seconds"], 1e3))
        peers = {name: each for name, each in row["implementations"].items() if name != OURS}
        for name, peer in peers.items():
            ratio = peer["ratio"]
            shown = (f"{ratio['median']:.2f}", f"{ratio['lower']:.2f}-{ratio['upper']:.2f}")
            rows.append((*own, name, _milliseconds(peer), *shown, _mebibytes(ours), _mebibytes(peer)))
        if not peers:
            rows.append((*own, None, None, None, None, _mebibytes(ours), None))
    columns = ("loss", "on", "ms", "quartiles", "peer", "peer ms", "ratio", "quartiles", "MiB", "peer MiB")
    return Table(_title("losses, forward and backward", result), columns, rows)


def chunks_table(result: Mapping[str, Any]) -> Table:
    """A row for each pair-wise loss and chunk size."""
    rows = []
    for row in result["chunks"]:
        for chunk in row["chunks"]:
            size = chunk["chunk_size"]
            told = f"all {size}" if size == row["rows"] else str(size)
            rows.append((row["loss"], row["on"], told, _milliseconds(chunk), _mebibytes(chunk)))
    return Table(_title("pair-wise losses in chunks", result), ("loss", "on", "rows at once", "ms", "MiB"), rows)


def notes(result: Mapping[str, Any]) -> list[str]:
    """What stands below the tables."""
    told = [f"{row['loss']} on {row['on']}: {row['note']}" for row in result["losses"] if row["note"]]
    for row in result["chunks"]:
        told.append(
            f"{row['loss']} in chunks: {row['bytes_without_rows'] / 2**20:.1f} MiB and "
            f"{row['bytes_per_row'] / 2**10:.1f} KiB for each row (r² {row['r_squared']:.4f})"
        )
    return told


def _title(what: str, result: Mapping[str, Any]) -> str:
    mini = ", mini shapes" if result["mini"] else ""
    return f"{what}, {result['device']}, threads {result['threads']}, {result['clock']} time{mini}"


def _milliseconds(found: Mapping[str, Any]) -> str:
    return f"{1e3 * found['seconds']['median']:.3g}"


def _quartiles(spread: Mapping[str, float], unit: float) -> str:
    return f"{unit * spread['lower']:.3g}-{unit * spread['upper']:.3g}"


def _mebibytes(found: Mapping[str, Any]) -> str:
    return f"{found['peak_bytes'] / 2**20:.1f}"
