"""Faces held out of training: for a set that has no part to validate on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from common.errors import ConfigError, DataError
from common.landmark_files.face import Face


def split_faces(
    faces: Sequence[Face], share: float, seed: int, group: str | Callable[[Face], str] | None = None
) -> tuple[list[Face], list[Face]]:
    """Faces in two parts, drawn by a seed; those of one image, and of a group such as a person, stay together.

    The draw depends on the names of the faces, not on their order.

    Args:
        faces: all faces.
        share: of the faces that goes to the second part, between 0 and 1. With groups as many are drawn as come
            closest to it.
        seed: of the draw.
        group: a regular expression whose first group (or whole match) in a face's name tells which belong together,
            such as ``r'^(.+)_\\d+$'`` for ``Ann_1`` and ``Ann_2``; or a function that tells it; None for every image on
            its own. Groups with faces in one image count as one.

    Returns:
        The faces that stay, and those held out, both in their order and neither empty.

    Raises:
        ConfigError: if ``share`` is not between 0 and 1, or ``group`` is no regular expression.
        DataError: if a name does not match or is there twice, or there are fewer than two groups or images.
    """
    if not 0 < share < 1:
        raise ConfigError(f"expected a share between 0 and 1 but found {share}")
    members: dict[str, list[int]] = {}
    for index, key in enumerate(_joined(faces, _keys(faces, group))):
        members.setdefault(key, []).append(index)
    if len(members) < 2:
        raise DataError(
            f"expected at least two images, or groups of faces with images of their own, to split but found "
            f"{len(members)}"
        )
    # RandomState's stream is frozen for good; a Generator's may change with NumPy's version.
    order = np.random.RandomState(seed).permutation(len(members))
    keys = sorted(members)
    wanted, held = share * len(faces), []
    for place in order:
        group_members = members[keys[place]]
        total = len(held) + len(group_members)
        if total < len(faces) and abs(total - wanted) < abs(len(held) - wanted):
            held += group_members
    # Where every group is more than twice what is wanted, the smallest must do.
    held = held or min((members[keys[place]] for place in order), key=len)
    chosen = set(held)
    return (
        [face for index, face in enumerate(faces) if index not in chosen],
        [face for index, face in enumerate(faces) if index in chosen],
    )


def _joined(faces: Sequence[Face], keys: Sequence[str]) -> list[str]:
    """Keys of groups, of which those that share an image have the same: the first by the alphabet."""
    images: dict[tuple[Path, int | None], set[str]] = {}
    for face, key in zip(faces, keys, strict=True):
        images.setdefault((face.image, face.index), set()).add(key)
    first = {key: key for key in keys}

    def find(key: str) -> str:
        while first[key] != key:
            key = first[key]
        return key

    for shared in images.values():
        for key in shared:
            one, other = sorted((find(key), find(min(shared))))
            first[other] = one
    return [find(key) for key in keys]


def _keys(faces: Sequence[Face], group: str | Callable[[Face], str] | None) -> list[str]:
    if group is None:
        names = [face.name for face in faces]
        if len(set(names)) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise DataError(f"expected faces with names of their own but found {repeated!r} more than once")
        return names
    if callable(group):
        return [group(face) for face in faces]
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise ConfigError(f"expected a regular expression for group but found {group!r}: {error}") from error
    keys = []
    for face in faces:
        match = pattern.search(face.name)
        if match is None:
            raise DataError(f"expected names that match the group {group!r} but found {face.name!r} ({face.image})")
        keys.append(match[1] if pattern.groups else match[0])
    return keys
