"""Reads the numbers that other implementations returned (see golden/README.md)."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

FOLDER = Path(__file__).resolve().parent / "golden"


class GoldenCase:
    """Inputs, hyperparameters and results of one run of a reference.

    ``case["student"]`` is that array as a float64 tensor (integers stay integers); inputs and weights whose
    gradient is stored are leaves that require one, the same tensor at every call.
    """

    def __init__(self, name: str, arrays: dict[str, np.ndarray]):
        self.name = name
        self.arrays = arrays
        self._leaves: dict[str, torch.Tensor] = {}

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def __getitem__(self, key: str) -> torch.Tensor:
        if key not in self._leaves:
            array = np.asarray(self.arrays[key])
            integer = array.dtype.kind in "iub"
            wanted = f"grad_{key}" in self.arrays and not integer
            self._leaves[key] = torch.tensor(array, dtype=None if integer else torch.float64, requires_grad=wanted)
        return self._leaves[key]

    def hp(self, key: str) -> Any:
        """A hyperparameter as a Python number, text or list."""
        return self.arrays[f"hp.{key}"].tolist()

    def note(self) -> str:
        """The remark stored with the case."""
        return str(self.arrays.get("note", ""))

    def value(self, key: str = "loss") -> float:
        """A stored scalar."""
        return float(np.asarray(self.arrays[key]).reshape(()))

    def weights(self, prefix: str) -> dict[str, torch.Tensor]:
        """The weights below ``w.<prefix>.``, as a state dict that keeps the leaves."""
        start = f"w.{prefix}." if prefix else "w."
        return {key.removeprefix(start): self[key] for key in self.arrays if key.startswith(start)}

    def gradients(self, key: str = "loss") -> dict[str, np.ndarray]:
        """Input or weight name -> stored gradient of ``loss``, of a ``term_*`` or of a ``variant.*``."""
        before = f"{key}.grad_" if key.startswith("variant.") else "grad_"
        after = f".{key}" if key.startswith("term_") else ""
        stored = {name: self.arrays.get(f"{before}{name}{after}") for name in self.arrays}
        return {name: gradient for name, gradient in stored.items() if gradient is not None}

    def variants(self) -> dict[str, float]:
        """What other implementations or forms return: name -> scalar."""
        return {
            key.removeprefix("variant."): float(array)
            for key, array in self.arrays.items()
            if key.startswith("variant.") and array.size == 1 and "grad" not in key
        }


def load_golden(name: str) -> dict[str, dict[str, np.ndarray]]:
    """``{case: {array name: array}}`` of one golden file."""
    cases: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    with np.load(FOLDER / f"{name}.npz") as stored:
        for key in stored.files:
            case, _, array = key.partition("/")
            cases[case][array] = stored[key]
    return dict(cases)


def golden_cases(name: str) -> list[GoldenCase]:
    """The cases of one golden file, in order."""
    return [GoldenCase(case, arrays) for case, arrays in load_golden(name).items()]


def double(array: np.ndarray, grad: bool = False) -> torch.Tensor:
    """A float64 tensor of a golden input."""
    return torch.tensor(np.asarray(array), dtype=torch.float64, requires_grad=grad)
