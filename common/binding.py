"""Reading taps and losses of a `Distiller` config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from inspect import signature
from typing import Any

from common.errors import ConfigError, did_you_mean
from common.loss_arguments import required_arguments, tensor_arguments
from common.registry import find_loss, make_loss
from common.schedules import build_weight
from common.terms import GROUND_TRUTH, STUDENT, Source, TermSpec
from common.views import FLOW, IMAGE

TERM_KEYS = ("type", "weight", "parts", "adapter", "resize")


def read_tap_paths(taps: Mapping[str, Any], owners: list[str]) -> dict[str, dict[str, list[str]]]:
    """Owner -> tap name -> paths (several for pyramid levels)."""
    paths: dict[str, dict[str, list[str]]] = {owner: {} for owner in owners}
    for name, value in taps.items():
        if set(".#@") & set(name):
            raise ConfigError(f"tap name {name!r}: expected a plain name but found '.', '#' or '@' in it")
        each = value if isinstance(value, Mapping) else dict.fromkeys(owners, value)
        for owner, path in each.items():
            if owner not in paths:
                raise ConfigError(f"tap {name!r}: no model {owner!r}{did_you_mean(owner, owners)}")
            paths[owner][name] = [path] if isinstance(path, str) else list(path)
    return paths


def read_term(name: str, cfg: Mapping[str, Any], paths: Mapping[str, Mapping], teachers: list[str]) -> TermSpec:
    """Read one entry of ``losses``; see `Distiller`."""
    if "type" not in cfg:
        raise ConfigError(f"loss {name!r} has no type")
    loss = find_loss(cfg["type"])
    tensors = tensor_arguments(loss)
    # A tensor argument is bound by a name; anything else given for it is a hyperparameter (BPKD's alpha).
    roles = ("student", "teacher", "target", *teachers)
    named = [a for a in tensors if isinstance(cfg.get(a), (str, Mapping)) or _names(cfg.get(a))]
    bound = [a for a in tensors if a in named or (cfg.get(a) is not None and a in roles)]
    # One that is None is left out; a function is told so, a module's constructor knows no such key.
    absent = [a for a in tensors if a in cfg and cfg[a] is None and a not in signature(loss).parameters]
    options = {key: value for key, value in cfg.items() if key not in (*TERM_KEYS, *bound, *absent)}
    sources = {a: _read_source(name, a, cfg[a], paths, teachers) for a in bound}
    made = make_loss(loss, options, name)
    missing = [argument for argument in required_arguments(made) if argument not in sources]
    if missing:
        known = ", ".join(sorted({tap for taps in paths.values() for tap in taps}))
        raise ConfigError(
            f"loss {name!r} ({cfg['type']}) needs {missing[0]}=; name one of the taps ({known}) or a ground truth "
            "such as 'gt_sem_seg' or 'gt_label'"
        )
    return TermSpec(
        name=name,
        loss=made,
        sources=sources,
        weight=build_weight(cfg.get("weight", 1.0), name),
        adapter=cfg.get("adapter", "loss"),
        resize=cfg.get("resize"),
        parts={part: build_weight(weight, name) for part, weight in cfg.get("parts", {}).items()},
    )


def _names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(each, str) for each in value)


def _read_source(loss: str, argument: str, value: Any, paths: Mapping[str, Mapping], teachers: list[str]) -> Source:
    if not isinstance(value, str):
        raise ConfigError(f"loss {loss!r}: expected {argument}= to name one tap or ground truth but found {value!r}")
    value, at, view = value.partition("@")
    if at:
        source = _read_source(loss, argument, value, paths, teachers)
        if not view or (source.model == GROUND_TRUTH and source.name != IMAGE):
            raise ConfigError(
                f"loss {loss!r}: expected {argument}= to name a tap or {IMAGE!r} of a view, as in 'logits@next', but "
                f"found '{value}@{view}'"
            )
        return replace(source, view=view)
    first, _, rest = value.partition(".")
    if rest and first == GROUND_TRUTH:
        return Source(GROUND_TRUTH, rest)
    if rest and first.startswith("gt_") and first not in paths:  # gt_instances.bboxes
        return Source(GROUND_TRUTH, value)
    owner, dot, tap = value.rpartition(".")
    if not dot:
        owner = _implied_owner(loss, argument, value, paths, teachers)
    if owner == GROUND_TRUTH:
        return Source(GROUND_TRUTH, value)
    if owner not in paths:
        raise ConfigError(f"loss {loss!r}: no model {owner!r} in {argument}={value!r}{did_you_mean(owner, paths)}")
    if tap not in paths[owner]:
        hint = did_you_mean(tap, paths[owner]) or f"; it has {', '.join(paths[owner]) or 'none'}"
        raise ConfigError(f"loss {loss!r}: {owner} has no tap {tap!r}{hint}")
    return Source(owner, tap)


def _implied_owner(loss: str, argument: str, value: str, paths: Mapping[str, Mapping], teachers: list[str]) -> str:
    """Whose a name without owner is: that of the model its argument is called after, or ground truth."""
    for role in (argument, argument.partition("_")[0]):  # student_other is the student's, as is student
        if role in (STUDENT, *teachers):
            return role
        if role == "teacher" and len(teachers) == 1:
            return teachers[0]
    known = {tap for owned in paths.values() for tap in owned}
    if value in known:
        raise ConfigError(f"loss {loss!r}: {argument}={value!r} leaves open whose tap; say 'student.{value}'")
    if not value.startswith(("gt", FLOW)) and value != IMAGE:
        hint = did_you_mean(value, known)
        raise ConfigError(f"loss {loss!r}: {argument}={value!r} is neither a tap nor a gt_ name{hint}")
    return GROUND_TRUTH
