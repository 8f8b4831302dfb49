"""Whether a student and its teachers mean the same by their classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config, ConfigDict

from common.config import read_config, student_config
from common.errors import ConfigError
from common.loading import class_names
from tasks.det.models import HEADS, class_head


def check_classes(cfg: Config) -> None:
    """See that data, student and teachers have one list of classes, where it matters.

    The data's classes must be as many as the student's. A teacher whose head is inherited or tapped must have the
    student's classes in the same order, by what its own config says of its data; one of which only maps before the head
    are used may have been trained on others.

    Raises:
        ConfigError: naming both lists.
    """
    where = str(cfg.filename)
    count = class_head(student_config(cfg), where)["num_classes"]
    for part in ("train", "val"):
        dataset = (cfg.get(f"{part}_dataloader") or {}).get("dataset") or {}
        classes = (dataset.get("metainfo") or {}).get("classes")
        if classes is not None and len(classes) != count:
            raise ConfigError(
                f"expected {count} classes, as the detector of {where} has, but {part}_dataloader names "
                f"{len(classes)} ({', '.join(classes)}); set num_classes of its bbox_head"
            )
    for name, teacher in (cfg.model.get("teachers") or {}).items():
        if teacher.get("config") and _uses_head(cfg.model, name):
            _check_teacher(cfg, count, name, teacher)


def _check_teacher(cfg: Config, count: int, name: str, teacher: ConfigDict) -> None:
    theirs_cfg = read_config(teacher["config"])
    theirs_count = class_head(student_config(theirs_cfg), teacher["config"])["num_classes"]
    own, theirs = (
        class_names({}, each, number)["classes"] for each, number in ((cfg, count), (theirs_cfg, theirs_count))
    )
    if own != theirs:
        raise ConfigError(
            f"expected the classes of teacher {name!r}, whose head is used: {', '.join(theirs)} ({teacher['config']}), "
            f"but found {', '.join(own)} in {cfg.filename}; name the classes of the data in the teacher's order "
            "(metainfo=dict(classes=...), with rename=... where they have other names), or take maps before the head"
        )


def _uses_head(model: ConfigDict, teacher: str) -> bool:
    paths = [*_inherited(model.get("inherit") or (), teacher), *_tapped(model.get("taps") or {}, teacher)]
    return any(path.split(".")[0] in HEADS for path in paths)


def _inherited(inherit: Sequence[str] | Mapping[str, Sequence[str]], teacher: str) -> Sequence[str]:
    return inherit.get(teacher, ()) if isinstance(inherit, Mapping) else inherit


def _tapped(taps: Mapping[str, Any], teacher: str) -> Iterator[str]:
    for paths in taps.values():
        paths = paths.get(teacher, ()) if isinstance(paths, Mapping) else paths
        yield from [paths] if isinstance(paths, str) else paths
