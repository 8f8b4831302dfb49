"""Sums over many rows in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

# Elements of one intermediate tensor where the caller names no chunk; about four are alive at once.
CHUNK_ELEMENTS = 2**22


def automatic_chunk(elements_per_row: int) -> int:
    """Rows of which one intermediate tensor holds `CHUNK_ELEMENTS`."""
    return max(1, CHUNK_ELEMENTS // elements_per_row)


def sum_over_rows(part: Callable[..., Tensor], chunk_size: int, rows: tuple[Tensor, ...], *whole: Tensor) -> Tensor:
    """``part(*rows, *whole)`` summed over chunks of the rows, which lie along the axis before the last.

    Memory grows with ``chunk_size`` and not with the number of rows, in both passes: the gradients, which are as
    large as the arguments, are computed along with the value, chunk by chunk. There is no second derivative.

    Raises:
        ValueError: if the chunk size is below 1.
    """
    if chunk_size < 1:
        raise ValueError(f"expected a chunk_size of at least 1 but found {chunk_size}")
    if chunk_size >= rows[0].shape[-2]:
        return part(*rows, *whole)
    chunks = zip(*(tensor.split(chunk_size, dim=-2) for tensor in rows), strict=True)
    if not torch.is_grad_enabled():
        return torch.stack([part(*chunk, *whole) for chunk in chunks]).sum()
    if torch.compiler.is_compiling():  # it cannot look into the gradients of a part, and plans memory by itself
        parts = [checkpoint(part, *chunk, *whole, use_reentrant=False, preserve_rng_state=False) for chunk in chunks]
        return torch.stack(parts).sum()
    return _SumOverRows.apply(part, chunk_size, len(rows), *rows, *whole)


class _SumOverRows(torch.autograd.Function):
    """A checkpoint for each chunk would do the same, but computes the chunks twice, and what it keeps of each lies
    between the chunks' freed tensors: the C library then finds no room that is large enough and takes more and more.
    """

    @staticmethod
    def forward(ctx: Any, part: Callable[..., Tensor], chunk_size: int, rows: int, *tensors: Tensor) -> Tensor:
        wanted = [place for place, needed in enumerate(ctx.needs_input_grad[3:]) if needed]
        gradients = {place: torch.zeros_like(tensors[place]) for place in wanted}
        total = tensors[0].new_zeros(())
        for start in range(0, tensors[0].shape[-2], chunk_size):
            piece = slice(start, start + chunk_size)
            taken = [each[..., piece, :] if place < rows else each for place, each in enumerate(tensors)]
            leaves = [each.detach().requires_grad_(place in gradients) for place, each in enumerate(taken)]
            with torch.enable_grad():
                value = part(*leaves)
            total += value.detach()
            found = torch.autograd.grad(value, [leaves[place] for place in wanted]) if wanted else ()
            for place, each in zip(wanted, found, strict=True):
                (gradients[place][..., piece, :] if place < rows else gradients[place]).add_(each)
        ctx.gradients = [gradients.get(place) for place in range(len(tensors))]
        return total

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, *(None if each is None else each * upstream for each in ctx.gradients)
