"""Which frames train, which choose, which test: drawn once by name and seed, and told with the result.

A split is drawn cell by cell, a cell being all frames of one modulation at one SNR. The draw of a cell depends on the
seed, the modulation, the SNR and the number of frames alone. So a run on three classes of a file puts each of their
frames into the same part as a run on all of it, and no frame that trained one network tests another.
"""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from common.errors import ConfigError, DataError, did_you_mean

PARTS = ("train", "val", "test")
DEFAULT = "60/20/20"
ITU2018 = "itu-2018"
_PERCENTAGES = re.compile(r"(\d+)/(\d+)/(\d+)")


@dataclass(frozen=True)
class Split:
    """A split of a file's cells.

    Args:
        cells: (modulation, SNR in dB) -> number of frames, for all cells of the file, in its order.
        name: ``'60/20/20'`` (the usual one), or any percentages train/val/test, such as ``'35/15/50'``: each cell is
            shuffled and cut at these. ``'itu-2018'``: 90/0/10 of 2018.01A as the notebook of ITU's challenge draws it
            (with its own seed 2018; all 24 classes and 26 SNRs with 4096 frames each).
        seed: of the draw.

    Raises:
        ConfigError: for a name that is none of these.
        DataError: if the cells are not those that the name is about.
    """

    cells: Mapping[tuple[str, int], int]
    name: str = DEFAULT
    seed: int = 2016

    def __post_init__(self) -> None:
        if self.name == ITU2018:
            counts = set(self.cells.values())
            if len(self.cells) != 24 * 26 or counts != {4096}:
                raise DataError(
                    f"expected the 624 cells of 4096 frames of RadioML 2018.01A for the split {ITU2018!r} but found "
                    f"{len(self.cells)} cells of {sorted(counts)} frames; use {DEFAULT!r}"
                )
        elif not _fits(self.name):
            raise ConfigError(
                f"expected a split {ITU2018!r} or percentages train/val/test that sum to 100, such as {DEFAULT!r}, "
                f"but found {self.name!r}"
            )

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that are given a share of the frames: 'train' and 'test' alone of ``'itu-2018'``."""
        if self.name == ITU2018:
            return "train", "test"
        shares = _PERCENTAGES.fullmatch(self.name).groups()
        return tuple(part for part, share in zip(PARTS, shares, strict=True) if int(share))

    def frames(self, part: str, mod: str, snr: int) -> np.ndarray:
        """Numbers of the frames of a cell that belong to a part, int64, in the order in which they were drawn.

        Args:
            part: 'train', 'val' or 'test'.
            mod: modulation.
            snr: SNR in dB.

        Raises:
            ConfigError: for another part.
        """
        if part not in PARTS:
            raise ConfigError(f"expected part {', '.join(map(repr, PARTS))} but found {part!r}")
        return self._drawn[mod, snr][PARTS.index(part)]

    @cached_property
    def _drawn(self) -> dict[tuple[str, int], tuple[np.ndarray, ...]]:
        if self.name == ITU2018:
            return _draw_itu2018(self.cells)
        percentages = [int(part) for part in _PERCENTAGES.fullmatch(self.name).groups()]
        drawn = {}
        for (mod, snr), count in self.cells.items():
            # RandomState's stream is frozen for good; a Generator's may change with NumPy's version.
            words = np.random.SeedSequence([self.seed, zlib.crc32(mod.encode()), snr % (1 << 32)]).generate_state(4)
            order = np.random.RandomState(words).permutation(count)
            first = (percentages[0] * count + 50) // 100
            second = ((percentages[0] + percentages[1]) * count + 50) // 100
            drawn[mod, snr] = order[:first], order[first:second], order[second:]
        return drawn

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of every frame's part: equal fingerprints are equal splits, whoever drew them."""
        digest = hashlib.sha256()
        for (mod, snr), parts in sorted(self._drawn.items()):
            digest.update(f"{mod} {snr} {' '.join(str(len(part)) for part in parts)}\n".encode())
            for part in parts:
                digest.update(np.sort(part).astype("<i8").tobytes())
        return digest.hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """The split in types that JSON and `torch.load` know: name, seed, cells and fingerprint."""
        cells = [[mod, snr, count] for (mod, snr), count in self.cells.items()]
        return {"name": self.name, "seed": self.seed, "cells": cells, "fingerprint": self.fingerprint}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Split:
        """Draw a split that `as_dict` wrote anew.

        Raises:
            DataError: if an entry is missing, or what is drawn has not the stored fingerprint.
        """
        missing = {"name", "seed", "cells", "fingerprint"} - set(stored)
        if missing:
            raise DataError(
                f"expected a split with name, seed, cells and fingerprint but found no {sorted(missing)[0]}"
            )
        cells = {(mod, int(snr)): int(count) for mod, snr, count in stored["cells"]}
        split = cls(cells, stored["name"], int(stored["seed"]))
        if split.fingerprint != stored["fingerprint"]:
            raise DataError(
                f"expected the split {split.name!r} with fingerprint {stored['fingerprint'][:12]} but found "
                f"{split.fingerprint[:12]}: it was changed after it was written, or drawn by other code"
            )
        return split

    def check_cells(self, found: Mapping[tuple[str, int], int], source: str) -> None:
        """Refuse a file whose cells are not those that were split.

        Raises:
            DataError: that names a cell that differs.
        """
        for cell in sorted(set(self.cells) | set(found)):
            if self.cells.get(cell, 0) != found.get(cell, 0):
                raise DataError(
                    f"expected {self.cells.get(cell, 0)} frames of {cell[0]} at {cell[1]} dB, as when the split "
                    f"{self.name!r} was drawn, but found {found.get(cell, 0)} in {source}; name the file of that time"
                )


def build_split(settings: str | Mapping[str, Any] | Split, cells: Mapping[tuple[str, int], int], source: str) -> Split:
    """The split that a config means, for a file.

    Args:
        settings: a name; a dict of ``name`` and ``seed``; a stored split (`Split.as_dict`), or a `Split`.
        cells: of the file, see `Split`.
        source: the file, for messages.

    Raises:
        ConfigError: for an unknown name or key.
        DataError: if a stored split is not of this file.
    """
    if isinstance(settings, Split):
        split = settings
    elif isinstance(settings, str):
        return Split(cells, settings)
    elif "cells" in settings:
        split = Split.from_dict(settings)
    else:
        unknown = sorted(set(settings) - {"name", "seed"})
        if unknown:
            hint = did_you_mean(unknown[0], ("name", "seed"))
            raise ConfigError(f"expected name and seed of a split but found {unknown[0]!r}{hint}")
        return Split(cells, **settings)
    split.check_cells(cells, source)
    return split


def _fits(name: str) -> bool:
    match = _PERCENTAGES.fullmatch(name)
    return match is not None and sum(map(int, match.groups())) == 100


def _draw_itu2018(cells: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], tuple[np.ndarray, ...]]:
    """One stream for all cells, in the order of the file; the first tenth of each, rounded up, is for testing."""
    random = np.random.RandomState(2018)
    drawn = {}
    for cell, count in cells.items():
        # The challenge shuffled a list of row numbers; what a shuffle does depends on its length alone.
        order = np.arange(count)
        random.shuffle(order)
        tested = math.ceil(0.1 * count)
        drawn[cell] = order[tested:], order[:0], order[:tested]
    return drawn
