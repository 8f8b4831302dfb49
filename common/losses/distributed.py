"""What losses with a memory share between the processes of distributed training."""

from __future__ import annotations

import torch
from torch import Tensor


def is_distributed() -> bool:
    """Whether several processes may be training together."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


@torch.no_grad()
def of_all_ranks(*tensors: Tensor, dim: int = 0) -> list[Tensor]:
    """Each tensor with those of every rank behind one another along an axis; as it is without other ranks.

    The shapes must be the same on all ranks.
    """
    if not is_distributed():
        return list(tensors)
    gathered = []
    for tensor in tensors:
        sent = (tensor.to(torch.uint8) if tensor.dtype == torch.bool else tensor).contiguous()
        parts = [torch.empty_like(sent) for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather(parts, sent)
        gathered.append(torch.cat(parts, dim=dim).to(tensor.dtype))
    return gathered


@torch.no_grad()
def copy_first_rank(*tensors: Tensor) -> None:
    """Give every rank the first one's values; does nothing without other ranks."""
    if is_distributed():
        for tensor in tensors:
            torch.distributed.broadcast(tensor, src=0)
