"""Layers that several networks are made of."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class ConvNormAct(nn.Sequential):
    """Conv1d without bias, batch norm, activation; "same" padding for odd kernels, then divided by the stride.

    Args:
        in_channels: channels of ``(B, C, L)``.
        out_channels: channels of the result ``(B, C', ceil(L / stride))``.
        kernel: odd size of the kernel.
        stride: step of the kernel.
        groups: groups of channels; ``in_channels`` for a depthwise convolution.
        activation: class of the activation.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] = nn.ReLU,
    ):
        super().__init__(
            nn.Conv1d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm1d(out_channels),
            activation(inplace=True),
        )


class GlobalAveragePool(nn.Module):
    """Mean over time: ``(B, C, T) -> (B, C)``."""

    def forward(self, maps: Tensor) -> Tensor:
        """Pool ``maps``."""
        return maps.mean(dim=2)


class LastStep(nn.Module):
    """The features at the last time step: ``(B, C, T) -> (B, C)``."""

    def forward(self, maps: Tensor) -> Tensor:
        """Take the last step of ``maps``."""
        return maps[:, :, -1]


class Recurrent(nn.Module):
    """An LSTM or GRU over time that keeps channels first: ``(B, C, T) -> (B, C', T)``.

    Args:
        layer: an ``nn.LSTM`` or ``nn.GRU`` of one layer, batch first, with biases.
    """

    def __init__(self, layer: nn.LSTM | nn.GRU):
        super().__init__()
        self.layer = layer

    def forward(self, maps: Tensor) -> Tensor:
        """The hidden state at every step."""
        if hasattr(torch.onnx, "ops") and torch.onnx.is_in_onnx_export() and torch.compiler.is_exporting():
            return self._as_one_operator(maps)
        return self.layer(maps.transpose(1, 2))[0].transpose(1, 2)

    def _as_one_operator(self, maps: Tensor) -> Tensor:
        """The same as ONNX's own operator: torch.export unrolls all steps, minutes of work at 1024 of them."""
        layer, steps = self.layer, maps.permute(2, 0, 1)
        is_lstm = isinstance(layer, nn.LSTM)
        # torch has an LSTM's gates as input, forget, cell, output and a GRU's as reset, update, new.
        order = (0, 3, 1, 2) if is_lstm else (1, 0, 2)
        weights = [
            torch.cat([weight.chunk(len(order))[gate] for gate in order])
            for weight in (layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)
        ]
        inputs = [steps, weights[0][None], weights[1][None], torch.cat(weights[2:])[None]]
        attributes = {"hidden_size": layer.hidden_size} | ({} if is_lstm else {"linear_before_reset": 1})
        states = torch.onnx.ops.symbolic(
            "LSTM" if is_lstm else "GRU",
            inputs,
            attributes,
            dtype=maps.dtype,
            shape=(steps.shape[0], 1, steps.shape[1], layer.hidden_size),
        )
        return states[:, 0].permute(1, 2, 0)


def start_as_keras(model: nn.Module) -> None:
    """Draw the weights as Keras does by default, which the networks published with it were trained from.

    Glorot-uniform kernels, zero biases; recurrent layers with orthogonal hidden-to-hidden matrices (over all gates
    together) and, for an LSTM, a forget bias of 1.
    """
    for module in model.modules():
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.LSTM, nn.GRU)):
            _start_recurrent(module)


def _start_recurrent(module: nn.LSTM | nn.GRU) -> None:
    for name, weight in module.named_parameters():
        if name.startswith("weight_ih"):
            # Keras keeps the gates in one matrix [inputs, gates * hidden], whose fans are these.
            bound = math.sqrt(6.0 / sum(weight.shape))
            nn.init.uniform_(weight, -bound, bound)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(weight)
        else:
            nn.init.zeros_(weight)
            if isinstance(module, nn.LSTM) and name.startswith("bias_ih"):
                with torch.no_grad():
                    weight[module.hidden_size : 2 * module.hidden_size] = 1.0
