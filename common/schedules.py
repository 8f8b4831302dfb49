"""How a loss weight changes over training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from common.errors import ConfigError, did_you_mean

KEYS = {
    "constant": ("value",),
    "linear_warmup": ("value", "steps", "begin"),
    "exp_warmup": ("value", "steps", "begin"),
    "cosine": ("value", "steps", "begin", "end"),
    "stop_after": ("value", "steps"),
}


@dataclass(frozen=True)
class WeightSchedule:
    """The weight of a loss at a training step.

    Attributes:
        kind: ``constant``; ``linear_warmup``: from 0 at ``begin`` to ``value`` at ``begin + steps``;
            ``exp_warmup``: likewise from e^-5 of it, as exp(-5 (1 - progress)^2); ``cosine``: from ``value`` at
            ``begin`` to ``end`` at ``begin + steps`` along half a cosine; ``stop_after``: ``value`` for the first
            ``steps`` steps, then 0.
        value: the full weight.
        steps: length of the change in training steps (iterations).
        begin: first step of the change.
        end: where ``cosine`` ends.
    """

    kind: str
    value: float
    steps: int = 0
    begin: int = 0
    end: float = 0.0

    def __call__(self, step: int) -> float:
        """The weight at ``step`` (0 for the first)."""
        if self.kind == "constant":
            return self.value
        if self.kind == "stop_after":
            return self.value if step < self.steps else 0.0
        progress = min(max((step - self.begin) / self.steps, 0.0), 1.0)
        if self.kind == "linear_warmup":
            return self.value * progress
        if self.kind == "exp_warmup":
            return self.value * math.exp(-5 * (1 - progress) ** 2)
        return self.end + (self.value - self.end) * 0.5 * (1 + math.cos(math.pi * progress))

    def __str__(self) -> str:
        if self.kind == "constant":
            return f"{self.value:g}"
        if self.kind == "stop_after":
            return f"{self.value:g} until step {self.steps}"
        first, last = (self.value, self.end) if self.kind == "cosine" else (self(self.begin), self.value)
        return f"{first:g} -> {last:g} ({self.kind}, steps {self.begin}..{self.begin + self.steps})"


def build_weight(spec: float | Mapping, name: str = "") -> WeightSchedule:
    """Read a weight: a number, or ``dict(type='linear_warmup', value=50, steps=1000)``.

    Raises:
        ConfigError: for an unknown kind or key, or a missing or non-positive length.
    """
    if isinstance(spec, WeightSchedule):
        return spec
    if isinstance(spec, (int, float)) and not isinstance(spec, bool):
        return WeightSchedule("constant", float(spec))
    if not isinstance(spec, Mapping):
        raise ConfigError(f"loss {name!r}: expected weight to be a number or a dict but found {spec!r}")
    spec = dict(spec)
    kind = spec.pop("type", None)
    if kind not in KEYS:
        hint = did_you_mean(str(kind), KEYS)
        raise ConfigError(f"loss {name!r}: expected weight type {', '.join(KEYS)} but found {kind!r}{hint}")
    known = KEYS[kind]
    for key, value in spec.items():
        if key not in known:
            raise ConfigError(f"loss {name!r}: unknown key {key!r} of weight {kind!r}{did_you_mean(key, known)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigError(f"loss {name!r}: expected weight {key} to be a number but found {value!r}")
    if "value" not in spec:
        raise ConfigError(f"loss {name!r}: weight of type {kind!r} needs value=")
    if kind != "constant" and spec.get("steps", 0) <= 0:
        raise ConfigError(f"loss {name!r}: weight of type {kind!r} needs steps > 0, found {spec.get('steps')}")
    return WeightSchedule(kind, **spec)
