"""Checkpoints that are evaluated side by side; those of one name are seeds of one network."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn

from common.cost import count_parameters
from common.errors import CheckpointError, ConfigError
from common.provenance import portable_path
from common.teacher import state_fingerprint


@dataclass(frozen=True)
class Source:
    """One checkpoint to evaluate: the name of the arm that it is a seed of, its config, and its file."""

    name: str
    config: str
    checkpoint: str


class Loaded(Protocol):
    """A checkpoint that is loaded: the name of its arm, the network, and what `origin_of` says of it."""

    name: str
    model: nn.Module
    source: Mapping[str, Any]


def origin_of(source: Source, model: nn.Module, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Where a network comes from: ``config``, ``checkpoint``, ``weights`` (hash) and, where it tells, ``seed``.

    Args:
        source: its files, of which no folders of this machine are told.
        model: with its weights.
        stored: what the checkpoint holds.
    """
    origin = {
        "config": portable_path(source.config),
        "checkpoint": portable_path(source.checkpoint),
        "weights": state_fingerprint(model.state_dict()),
    }
    seed = (stored.get("distill") or {}).get("seed")
    return origin if seed is None else {**origin, "seed": seed}


def check_seeds(networks: Sequence[Loaded]) -> None:
    """See that networks of one name are seeds of one network, and none stands there twice: copies have no spread.

    Raises:
        CheckpointError: for the same weights twice.
        ConfigError: for another number of parameters.
    """
    for one, other in itertools.combinations(networks, 2):
        if one.name != other.name:
            continue
        if one.source["weights"] == other.source["weights"]:
            raise CheckpointError(
                f"expected other seeds of {one.name!r} but found the same weights in {one.source['checkpoint']} and "
                f"{other.source['checkpoint']}; leave one out"
            )
        sizes = count_parameters(one.model), count_parameters(other.model)
        if sizes[0] != sizes[1]:
            raise ConfigError(
                f"expected seeds of one network as {one.name!r} but found {sizes[0]} and {sizes[1]} parameters; give "
                "them different --names"
            )


def evenly_spread(count: int, limit: int | None) -> list[int]:
    """``limit`` places spread evenly over ``count``; all where ``limit`` is None or larger.

    >>> evenly_spread(10, 4)
    [0, 2, 5, 7]
    """
    if limit is None or limit >= count:
        return list(range(count))
    return [index * count // limit for index in range(limit)]
