"""Reads the numbers that the authors' own code returned (see the INDEX beside them)."""

from collections import defaultdict

import numpy as np
import pytest
import torch
from conftest import shared_folder


def load_golden(name: str) -> dict[str, dict[str, np.ndarray]]:
    """``{case: {array name: array}}`` of one golden file; skips where the shared folder is not there."""
    path = shared_folder() / "golden" / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"no golden file {path} (set DISTILL_SHARED)")
    cases: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    with np.load(path) as stored:
        for key in stored.files:
            case, _, array = key.partition("/")
            cases[case][array] = stored[key]
    return dict(cases)


def double(array: np.ndarray, grad: bool = False) -> torch.Tensor:
    """A float64 tensor of a golden input."""
    return torch.tensor(np.asarray(array), dtype=torch.float64, requires_grad=grad)
