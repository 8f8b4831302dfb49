"""What a network costs where it is used: weights, multiply-accumulates, and time on the CPU."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from common.benchmark import time_rounds


class Latency(NamedTuple):
    """Median and 95th percentile of a forward pass, in milliseconds."""

    p50: float
    p95: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """That of timed passes."""
        return cls(*(1e3 * np.percentile(seconds, (50, 95))))


def count_parameters(model: nn.Module) -> int:
    """Numbers that training sets."""
    return sum(parameter.numel() for parameter in model.parameters())


def weight_bytes(model: nn.Module) -> int:
    """Bytes of what inference reads: parameters and floating-point buffers (batch norm's statistics)."""
    buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    return sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *buffers))


def count_macs(model: nn.Module, inputs: Tensor) -> int:
    """Multiply-accumulates of the convolutions and matrix products of one forward pass, half of torch's FLOPs.

    Element-wise work (activations, norms, gates) is not in it.

    Args:
        model: the network, in eval mode and on the CPU.
        inputs: what it is called with.
    """
    # The CPU's fused LSTM and attention are single operators that the counter does not know; without them, both
    # are made of matrix products. With gradients enabled, torch's transformer layers take no fused path either.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="TF32 acceleration on top of oneDNN")
        with (
            torch.enable_grad(),
            torch.backends.mkldnn.flags(enabled=False),
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
        ):
            model(inputs)
    return counter.get_total_flops() // 2


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work on one thread within the block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def cpu_latencies(
    models: Mapping[str, nn.Module],
    inputs: Tensor | Mapping[str, Tensor],
    rounds: int,
    warmup: int = 3,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> dict[str, Latency]:
    """Time forward passes on the CPU, the networks in turn, with as many threads as torch is set to.

    Args:
        models: name -> network, in eval mode and on the CPU.
        inputs: what each is called with, or name -> what it is called with.
        rounds: timed calls of each; the 95th percentile of fewer than 20 is hardly more than the largest.
        warmup: calls before them.
        clock: seconds.
        progress: goes through the rounds, and may show a bar.

    Raises:
        ConfigError: if there is no round to time.
    """
    with torch.inference_mode():
        given = inputs if isinstance(inputs, Mapping) else dict.fromkeys(models, inputs)
        phases = {name: lambda name=name: models[name](given[name]) for name in models}
        seconds = time_rounds(phases, rounds, warmup, clock, progress=progress)
    return {name: Latency.of(taken) for name, taken in seconds.items()}
