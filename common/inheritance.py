"""Parts of a student that start with its teacher's weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from common.errors import ConfigError, did_you_mean
from common.taps import find_module
from common.teacher import FrozenTeacher


def read_inheritance(
    inherit: Sequence[str] | Mapping[str, Sequence[str]], student: nn.Module, teachers: Mapping[str, FrozenTeacher]
) -> list[tuple[nn.Module, nn.Module]]:
    """Modules of a student beside those of its teachers whose weights they are to start with.

    Args:
        inherit: paths of modules, or teacher's name -> paths.
        student: the network.
        teachers: by name.

    Raises:
        ConfigError: for an unknown teacher or module, no or several teachers where none is named, or modules whose
            weights differ in name or shape.
    """
    if not inherit:
        return []
    if not isinstance(inherit, Mapping):
        if len(teachers) != 1:
            found = ", ".join(teachers) or "none"
            raise ConfigError(f"inherit: expected one teacher, or inherit=dict(TEACHER=[...]), but found {found}")
        inherit = {next(iter(teachers)): inherit}
    pairs = []
    for name, paths in inherit.items():
        if name not in teachers:
            raise ConfigError(f"inherit: no teacher {name!r}{did_you_mean(name, teachers)}")
        for path in paths:
            pair = find_module(student, path), find_module(teachers[name].model, path)
            _check_alike(path, name, *pair)
            pairs.append(pair)
    return pairs


def _check_alike(path: str, teacher: str, own: nn.Module, theirs: nn.Module) -> None:
    shapes = [{key: tuple(value.shape) for key, value in module.state_dict().items()} for module in (own, theirs)]
    for key in [*shapes[0], *shapes[1]]:
        found = [each.get(key, "none") for each in shapes]
        if found[0] != found[1]:
            raise ConfigError(
                f"inherit: expected {path}.{key} of one shape but found {found[0]} in the student and {found[1]} in "
                f"{teacher!r}; leave {path!r} out, or give both networks the same one"
            )
