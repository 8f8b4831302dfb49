"""A ClST-style teacher: a hierarchy of convolutional embeddings, transformer blocks and parallel attention.

The paper [0] names its three parts in the abstract; what is inside them could not be had. This reconstruction builds
them from the transformer with convolutional projections whose wording the abstract shares [1] and from attention over
channels and positions as in [2], side by side. Every choice is an argument of `ClST`.

[0] Hou et al., ClST: A Convolutional Transformer Framework for Automatic Modulation Recognition by Knowledge
Distillation, IEEE Transactions on Wireless Communications 23(7), 2024 (abstract).
[1] Wu et al., CvT: Introducing Convolutions to Vision Transformers, ICCV 2021.
[2] Woo et al., CBAM: Convolutional Block Attention Module, ECCV 2018.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.registry import MODELS
from timm.layers import DropPath
from torch import Tensor, nn

from common.errors import ConfigError
from tasks.amr.models.base import IQClassifier
from tasks.amr.models.layers import GlobalAveragePool

# Ours: (dims, depths, mlp_ratio).
SIZES = {
    "xs": ((32, 64, 128), (1, 2, 2), 2.0),
    "s": ((32, 64, 128), (1, 2, 3), 4.0),
    "b": ((64, 128, 256), (1, 2, 4), 4.0),
}


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of ``(B, C, L)``, at each position by itself."""

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise ``maps``."""
        return super().forward(maps.transpose(1, 2)).transpose(1, 2)


class ConvolutionalProjection(nn.Sequential):
    """Queries, keys or values from a neighbourhood in time [1]: ``(B, C, L) -> (B, ceil(L / stride), C)``.

    A depthwise convolution, batch norm, then a linear layer at every position.

    Args:
        dim: channels C.
        kernel: odd size of the depthwise kernel.
        stride: keeps every ``stride``-th position.
    """

    def __init__(self, dim: int, kernel: int = 3, stride: int = 1):
        super().__init__(
            nn.Conv1d(dim, dim, kernel, stride, kernel // 2, groups=dim, bias=False),
            nn.BatchNorm1d(dim),
            _ToTokens(),
            nn.Linear(dim, dim),
        )


class _ToTokens(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        return maps.transpose(1, 2)


class ConvolutionalAttention(nn.Module):
    """Multi-head self-attention over time with convolutional projections: ``(B, C, L) -> (B, C, L)``.

    ``softmax`` gives the attention maps ``(B, heads, L, ceil(L / kv_stride))`` to a tap.

    Args:
        dim: channels C.
        heads: number of heads.
        kernel: odd size of the projections' kernels.
        kv_stride: keys and values are kept at every ``kv_stride``-th position.
    """

    def __init__(self, dim: int, heads: int, kernel: int = 3, kv_stride: int = 2):
        super().__init__()
        self.heads = heads
        self.query = ConvolutionalProjection(dim, kernel)
        self.key = ConvolutionalProjection(dim, kernel, kv_stride)
        self.value = ConvolutionalProjection(dim, kernel, kv_stride)
        self.softmax = nn.Softmax(dim=-1)
        self.out = nn.Linear(dim, dim)

    def forward(self, maps: Tensor) -> Tensor:
        """Attend."""
        query, key, value = (
            project(maps).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
        mixed = self.softmax(scores) @ value
        return self.out(mixed.transpose(1, 2).flatten(2)).transpose(1, 2)


class CTPBlock(nn.Module):
    r"""Our convolution-transformer projection block: ``(B, C, L) -> (B, C, L)``.

    .. math:: x \leftarrow x + \mathrm{Attention}(\mathrm{LN}(x)), \quad x \leftarrow x + \mathrm{MLP}(\mathrm{LN}(x))

    Args:
        dim: channels C.
        heads: number of attention heads.
        mlp_ratio: hidden width of the MLP, in C.
        kernel: of the projections.
        kv_stride: of keys and values.
        drop_path: probability to leave a branch out for a sample in training.
    """

    def __init__(
        self, dim: int, heads: int, mlp_ratio: float = 4.0, kernel: int = 3, kv_stride: int = 2, drop_path: float = 0.0
    ):
        super().__init__()
        hidden = round(mlp_ratio * dim)
        self.attention_norm = ChannelNorm(dim)
        self.attention = ConvolutionalAttention(dim, heads, kernel, kv_stride)
        self.mlp_norm = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.drop_path = DropPath(drop_path)

    def forward(self, maps: Tensor) -> Tensor:
        """Attention and MLP, each added to what it was given."""
        maps = maps + self.drop_path(self.attention(self.attention_norm(maps)))
        tokens = maps.transpose(1, 2)
        return (tokens + self.drop_path(self.mlp(self.mlp_norm(tokens)))).transpose(1, 2)


class ParallelSpatialChannelAttention(nn.Module):
    r"""Our PSCA: weights for channels and for positions, both from the same maps ``(B, C, L)``.

    .. math::
        a_c = \sigma\big(W_2 \mathrm{ReLU}(W_1 \mathrm{avg}_t F) + W_2 \mathrm{ReLU}(W_1 \mathrm{max}_t F)\big), \quad
        a_t = \sigma\big(\mathrm{conv}[\mathrm{avg}_c F; \mathrm{max}_c F]\big), \quad F' = F + a_c F + a_t F

    Args:
        dim: channels C.
        reduction: C over the hidden width of :math:`W_1, W_2`.
        kernel: odd size of the convolution over time.
    """

    def __init__(self, dim: int, reduction: int = 8, kernel: int = 7):
        super().__init__()
        hidden = max(dim // reduction, 1)
        self.channel = nn.Sequential(
            nn.Linear(dim, hidden, bias=False), nn.ReLU(inplace=True), nn.Linear(hidden, dim, bias=False)
        )
        self.spatial = nn.Conv1d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """The maps plus the maps weighted by channel and by position."""
        of_channel = self.channel(maps.mean(2)) + self.channel(maps.amax(2))
        of_position = self.spatial(torch.stack([maps.mean(1), maps.amax(1)], dim=1))
        return maps + maps * of_channel.sigmoid().unsqueeze(2) + maps * of_position.sigmoid()


class Stage(nn.Sequential):
    """Embedding, CTP blocks and PSCA: ``(B, C, L) -> (B, dim, ceil(L / stride))``, under the names of its arguments."""

    def __init__(self, embed: nn.Module, blocks: nn.Module, psca: nn.Module):
        super().__init__(OrderedDict(embed=embed, blocks=blocks, psca=psca))


@MODELS.register_module()
class ClST(IQClassifier):
    """A ClST-style reconstruction: the paper's three parts by name, our layers in them (see the module's text).

    Three stages; each embeds overlapping pieces of the signal by a strided convolution, runs CTP blocks over them and
    ends in PSCA. The sizes have 385,621 (xs), 754,581 (s) and 3,775,733 (b) parameters for 11 classes.

    Taps beside those of `IQClassifier`: ``encoder.0`` to ``encoder.2`` are the stages, and
    ``encoder.2.blocks.-1.attention.softmax`` is the last attention map.

    Args:
        num_classes: number K of classes.
        length: samples L of a frame.
        normalize: mode of `tasks.amr.normalize.IQNormalize`.
        size: 'xs', 's' or 'b': sets dims, depths and mlp_ratio where they are not given.
        dims: channels of the stages.
        depths: CTP blocks of the stages.
        heads: attention heads of the stages.
        mlp_ratio: hidden width of the MLPs over their input's.
        kernels: odd sizes of the embeddings' kernels.
        strides: of the embeddings; by default 2, 2, 2, and 4, 2, 2 for frames of more than 512 samples.
        projection_kernel: odd size of the projections' depthwise kernels.
        kv_stride: keys and values are kept at every such position, in stages of more than ``full_tokens`` positions.
        full_tokens: stages of so many positions or fewer keep all keys and values.
        psca_kernel: odd size of PSCA's convolution.
        psca_reduction: of PSCA's channels.
        drop_path: of the last block; rises linearly from 0 at the first.

    Raises:
        ConfigError: for an unknown size, or stages whose numbers do not fit each other.
    """

    def __init__(
        self,
        num_classes: int = 11,
        length: int = 128,
        normalize: str = "rms",
        size: str = "s",
        dims: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        heads: Sequence[int] = (1, 2, 4),
        mlp_ratio: float | None = None,
        kernels: Sequence[int] = (7, 3, 3),
        strides: Sequence[int] | None = None,
        projection_kernel: int = 3,
        kv_stride: int = 2,
        full_tokens: int = 16,
        psca_kernel: int = 7,
        psca_reduction: int = 8,
        drop_path: float = 0.1,
    ):
        super().__init__(num_classes, length, normalize)
        if size not in SIZES:
            raise ConfigError(f"expected size {', '.join(map(repr, SIZES))} but found {size!r}")
        dims = dims or SIZES[size][0]
        depths = depths or SIZES[size][1]
        mlp_ratio = SIZES[size][2] if mlp_ratio is None else mlp_ratio
        strides = strides or ((4, 2, 2) if length > 512 else (2, 2, 2))
        _check_stages(dims=dims, depths=depths, heads=heads, kernels=kernels, strides=strides)
        # Probabilities for all blocks in a row, dealt out to the stages.
        drops = iter(np.linspace(0.0, drop_path, sum(depths)).tolist())
        stages, channels, tokens = [], 2, length
        for dim, depth, number, kernel, stride in zip(dims, depths, heads, kernels, strides, strict=True):
            tokens = math.ceil(tokens / stride)
            step = kv_stride if tokens > full_tokens else 1
            blocks = [CTPBlock(dim, number, mlp_ratio, projection_kernel, step, next(drops)) for _ in range(depth)]
            embed = nn.Sequential(nn.Conv1d(channels, dim, kernel, stride, kernel // 2), ChannelNorm(dim))
            psca = ParallelSpatialChannelAttention(dim, psca_reduction, psca_kernel)
            stages.append(Stage(embed, nn.Sequential(*blocks), psca))
            channels = dim
        self.encoder = nn.Sequential(*stages)
        self.features = nn.Sequential(GlobalAveragePool(), nn.LayerNorm(channels))
        self.classifier = nn.Linear(channels, num_classes)


def _check_stages(heads: Sequence[int], dims: Sequence[int], **others: Sequence[int]) -> None:
    for name, values in {"heads": heads, **others}.items():
        if len(values) != len(dims):
            raise ConfigError(f"expected as many {name} as dims ({len(dims)}) but found {tuple(values)}")
    for dim, number in zip(dims, heads, strict=True):
        if dim % number:
            raise ConfigError(f"expected dims that their heads divide but found dim {dim} with {number} heads")
