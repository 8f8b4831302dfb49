"""What a detector costs where it is used: multiply-accumulates and time for an image, merging of boxes included."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torchvision  # noqa: F401 - defines the operator below
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn
from torch.utils.flop_counter import register_flop_formula

from common.benchmark import time_rounds
from common.cost import Latency, count_macs


@register_flop_formula(torch.ops.torchvision.deform_conv2d)
def _deformable_flops(image: Any, weight: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """Those of a plain convolution of the same size; torch's counter does not know the operator."""
    batch, channels, height, width = out_shape
    return 2 * batch * channels * height * width * weight[1] * weight[2] * weight[3]


class _Prediction(nn.Module):
    """A detector's whole prediction for prepared images."""

    def __init__(self, model: nn.Module, samples: list) -> None:
        super().__init__()
        self.model = model
        self.samples = samples

    def forward(self, inputs: Tensor) -> Any:
        return self.model(inputs, self.samples, mode="predict")


def detection_macs(model: nn.Module, sample: dict) -> tuple[int, tuple[int, int]]:
    """Multiply-accumulates of predicting one image, and the height and width at which the network sees it.

    What mmdet and papers on detectors call FLOPs. Convolutions and matrix products are counted, those of a second
    stage for as many proposals as it gets; deformable convolutions too, but not by mmcv's compiled operators.

    Args:
        model: a detector of mmdet in eval mode.
        sample: of a data set, after its test pipeline.
    """
    with torch.no_grad():
        data = model.data_preprocessor(pseudo_collate([sample]), False)
    inputs = data["inputs"]
    with _without_gradients(model):
        macs = count_macs(_Prediction(model, data["data_samples"]), inputs)
    return macs, tuple(inputs.shape[-2:])


@contextmanager
def _without_gradients(model: nn.Module) -> Any:
    """Keep no activations, though `count_macs` asks for gradients."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def latencies(
    networks: Mapping[str, tuple[nn.Module, dict]], device: str, rounds: int, warmup: int = 2
) -> dict[str, Latency]:
    """Time whole predictions of one image (preparing, network, boxes and their merging), the networks in turn.

    Args:
        networks: name -> a detector in eval mode and a sample of its own test pipeline.
        device: where they lie; a GPU is waited for.
        rounds: timed predictions of each; the 95th percentile of fewer than 20 is hardly more than the largest.
        warmup: predictions before them.

    Raises:
        ConfigError: if there is no round to time.
    """
    batches = {name: pseudo_collate([sample]) for name, (_, sample) in networks.items()}
    phases = {name: lambda name=name: networks[name][0].test_step(batches[name]) for name in networks}
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    with torch.no_grad():
        seconds = time_rounds(phases, rounds, warmup, synchronise=wait)
    return {name: Latency.of(taken) for name, taken in seconds.items()}
