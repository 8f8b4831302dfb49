"""What several command lines read alike."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

import torch

from common.errors import ConfigError
from common.sources import Source


def read_sources(
    parser: ArgumentParser, files: Sequence[str], names: Sequence[str] | None, seeds: bool = True
) -> list[Source]:
    """Pairs of CONFIG CHECKPOINT with their ``--names``; what does not fit ends the program by ``parser.error``.

    Args:
        parser: of the command line.
        files: ``[config, checkpoint, config, checkpoint, ...]``.
        names: one for each pair; without them networks go by their checkpoints' folders, and by their place too where
            folders share a name.
        seeds: whether pairs may share a name.
    """
    if len(files) % 2 or not files:
        parser.error(f"expected pairs of CONFIG CHECKPOINT but found {len(files)} files")
    pairs = list(zip(files[::2], files[1::2], strict=True))
    if names is None:
        names = [Path(checkpoint).parent.name or Path(checkpoint).stem for _, checkpoint in pairs]
        if len(set(names)) < len(names):
            names = [f"{place} {name}" for place, name in enumerate(names, start=1)]
    if not seeds and (len(names) != len(pairs) or len(set(names)) < len(names)):
        parser.error(f"expected {len(pairs)} different --names but found {', '.join(names)}")
    if len(names) != len(pairs):
        parser.error(f"expected {len(pairs)} --names, one for each pair, but found {len(names)}")
    return [Source(name, *pair) for name, pair in zip(names, pairs, strict=True)]


def read_baseline(parser: ArgumentParser, name: str | None, sources: Sequence[Source]) -> str:
    """The name of the network that others are compared with, the first where none is given; ``parser.error`` else."""
    names = list(dict.fromkeys(source.name for source in sources))
    if name is not None and name not in names:
        parser.error(f"expected --baseline among {', '.join(names)} but found {name!r}")
    return names[0] if name is None else name


def choose_device(asked: str | None) -> str:
    """The device that ``--device`` asks for; without it a GPU where there is one.

    Raises:
        ConfigError: for a GPU where there is none.
    """
    if (asked or "").startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"expected a GPU for --device {asked} but found none; use --device cpu")
    return asked or ("cuda" if torch.cuda.is_available() else "cpu")


def image_size(text: str) -> tuple[int, int]:
    """``'512x1024'`` as height and width, pixels.

    Raises:
        ArgumentTypeError: for anything else.

    >>> image_size("512x1024")
    (512, 1024)
    """
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdigit() and int(side) > 0 for side in sides):
        raise ArgumentTypeError(f"expected HEIGHTxWIDTH, such as 512x1024, but found {text!r}")
    return int(sides[0]), int(sides[1])
