"""What hearing a recording costs beside the network alone: samples per second, and memory."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from common.benchmark import CLOCKS, Spread, time_rounds
from common.errors import ConfigError
from common.report import Table
from tasks.amr.iq_files import BLOCK, open_recording
from tasks.amr.listening import Settings, findings, listen
from tasks.amr.recogniser import Recogniser, load_onnx
from tasks.amr.streaming import BATCH

RATE = 1e6
HEARD, ALONE = "{}, read, heard and voted on", "{} alone"


def streaming(
    networks: Sequence[str],
    samples: int,
    rounds: int,
    warmup: int = 2,
    clock: str = "wall",
    threads: int = 1,
    longer: int = 0,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> dict[str, object]:
    """Time networks on a recording of noise, from the file to votes, and alone on as many windows.

    Args:
        networks: ONNX files of `tools/export.py`.
        samples: length of the recording (cf32: 8 bytes each).
        rounds, warmup, clock, progress: see `common.benchmark.time_rounds`.
        threads: of onnxruntime.
        longer: samples of another recording, of which only the memory is measured; 0 for none.

    Returns:
        ``samples``, ``threads``, ``clock``, ``rounds``; ``networks``: name -> ``heard`` and ``alone``, samples per
        second, and ``share``, that of the network in the time of all, each with quartiles over rounds; and
        ``memory_mib``, the most the process had taken when it had opened the networks, then when it had heard the
        recording, and then the longer one.

    Raises:
        ConfigError: if there is nothing to time.
        CheckpointError: for a network that can't be loaded.
    """
    opened = {Path(path).name: load_onnx(path, threads) for path in networks}
    if not opened or samples < BLOCK:
        raise ConfigError(f"expected a network and at least {BLOCK} samples but found {len(opened)} and {samples}")
    memory = {"networks": _peak_mib()}
    with tempfile.TemporaryDirectory() as folder:
        path = _noise(Path(folder, "noise.cf32"), samples)
        phases: dict[str, Callable[[], object]] = {}
        for name, network in opened.items():
            phases[HEARD.format(name)] = lambda network=network: _hear(path, network)
            phases[ALONE.format(name)] = _alone(network, samples)
        seconds = time_rounds(phases, rounds, warmup, CLOCKS[clock], progress=progress)
        memory[f"{samples} samples"] = _peak_mib()
        if longer:
            path = _noise(path, longer)
            _hear(path, next(iter(opened.values())))
            memory[f"{longer} samples"] = _peak_mib()
    found = {}
    for name in opened:
        heard, alone = seconds[HEARD.format(name)], seconds[ALONE.format(name)]
        speeds = {"heard": [samples / each for each in heard], "alone": [samples / each for each in alone]}
        shares = [one / other for one, other in zip(alone, heard, strict=True)]
        found[name] = {
            key: {**Spread.of(values)._asdict(), "rounds": values}
            for key, values in {**speeds, "share": shares}.items()
        }
    return {
        "samples": samples,
        "threads": threads,
        "clock": clock,
        "rounds": rounds,
        "warmup": warmup,
        "networks": found,
        "memory_mib": memory,
    }


def stream_tables(result: dict) -> list[Table]:
    """Speed by network, and memory."""
    rows = [
        (
            name,
            f"{each['heard']['median'] / 1e6:.2f}",
            f"{each['alone']['median'] / 1e6:.2f}",
            f"{each['share']['median']:.3f}",
            f"{each['share']['lower']:.3f}-{each['share']['upper']:.3f}",
        )
        for name, each in result["networks"].items()
    ]
    title = (
        f"Millions of samples a second, onnxruntime with {result['threads']} threads, {result['clock']} time, "
        f"{result['rounds']} rounds"
    )
    speed = Table(title, ("network", "read, heard, voted on", "alone", "its share", "quartiles"), rows)
    memory = [(name, f"{mib:.0f}") for name, mib in result["memory_mib"].items()]
    return [speed, Table("The most memory of the process up to here", ("after", "MiB"), memory)]


def _noise(path: Path, samples: int) -> Path:
    """A recording of white noise, one block over and over, as its statistics do not matter here."""
    rng = np.random.default_rng(0)
    block = rng.standard_normal(2 * BLOCK, dtype=np.float32)
    with path.open("wb") as file:
        for start in range(0, samples, BLOCK):
            block[: 2 * min(BLOCK, samples - start)].tofile(file)
    return path


def _hear(path: Path, network: Recogniser) -> int:
    recording = open_recording(str(path), sample_rate=RATE)
    return sum(1 for _ in findings(recording, network, listen(recording, network, Settings())))


def _alone(network: Recogniser, samples: int) -> Callable[[], object]:
    length = network.info.length
    windows = np.random.default_rng(0).standard_normal((BATCH, 2, length), dtype=np.float32)
    batches = [windows] * (samples // (BATCH * length)) + [windows[: samples // length % BATCH]]

    def run() -> None:
        for batch in batches:
            if len(batch):
                network.log_probabilities(batch)

    return run


def _peak_mib() -> float:
    """The most memory that the process has had (on Linux, where it is counted in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
