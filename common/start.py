"""A student that starts with the weights of a checkpoint."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from common.checkpoint import load_strictly, others_beside, read_checkpoint, state_dict_of
from common.errors import CheckpointError


def start_from(student: nn.Module, checkpoint: str | Path, trust: bool = False) -> dict[str, Tensor]:
    """Fill a student with the weights of a checkpoint, every key of which must fit.

    Args:
        student: the network, changed in place.
        checkpoint: a file or URL.
        trust: see `common.checkpoint.read_checkpoint`.

    Returns:
        The weights, under the student's keys.

    Raises:
        CheckpointError: if there is no such file, it cannot be read, or does not cover the student.
    """
    if "://" not in str(checkpoint) and not Path(checkpoint).is_file():
        raise CheckpointError(
            f"start: expected a checkpoint at {checkpoint} but found none{others_beside(checkpoint)}; train the "
            "student alone first, name another (--cfg-options model.start=FILE), or start at random (model.start=None)"
        )
    state = state_dict_of(read_checkpoint(checkpoint, trust), student.state_dict())
    load_strictly(student, state, f"checkpoint {checkpoint} that the student is to start from")
    return state
