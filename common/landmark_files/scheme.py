"""Landmark schemes: how many points a face has, which of them swap in a mirror, and what its error is divided by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from common.atomic import atomic_write
from common.errors import ConfigError, DataError, did_you_mean

Group = tuple[int, ...]
KEYS = ("name", "points", "flip_pairs", "ocular", "pupil", "regions", "lines")


@dataclass(frozen=True)
class LandmarkScheme:
    """What the points of a face are.

    Attributes:
        name: for tables and files.
        num_points: number n of points.
        flip: where each point's mirror image is, a permutation of 0..n-1 that is its own inverse.
        ocular: two groups of points; the distance of their means, the outer corners of the eyes where a face has them,
            is what errors are divided by.
        pupil: the same for the pupils or the middles of the eyes; None where there are none.
        regions: name -> points, for errors by region.
        lines: points to connect in pictures, one chain each.

    Raises:
        ConfigError: for a flip table that is no involution, a point that is not there, or a distance from a group of
            points to itself or to none.
    """

    name: str
    num_points: int
    flip: Group
    ocular: tuple[Group, Group]
    pupil: tuple[Group, Group] | None = None
    regions: Mapping[str, Group] = field(default_factory=dict)
    lines: tuple[Group, ...] = ()

    def __post_init__(self):
        _check_flip(self.name, self.num_points, self.flip)
        groups = [*self.ocular, *(self.pupil or ()), *self.regions.values(), *self.lines]
        for point in (point for group in groups for point in group):
            if not 0 <= point < self.num_points:
                raise ConfigError(f"scheme {self.name!r}: expected points 0 to {self.num_points - 1} but found {point}")
        for kind, pair in (("ocular", self.ocular), ("pupil", self.pupil)):
            if pair and (not all(pair) or set(pair[0]) == set(pair[1])):
                raise ConfigError(
                    f"scheme {self.name!r}: expected two different points or groups for {kind} but found {pair}"
                )

    def distance(self, points: np.ndarray, kind: str = "ocular") -> np.ndarray:
        """What errors of faces are divided by, in the unit of ``points``.

        Args:
            points: ``[..., n, 2]``.
            kind: ``'ocular'``, ``'pupil'``, or ``'box'``: the square root of the area of the points' bounding box.

        Returns:
            ``[...]``.

        Raises:
            ConfigError: for another kind, or if the scheme has no pupils.
        """
        if kind == "box":
            return np.sqrt(np.prod(points.max(axis=-2) - points.min(axis=-2), axis=-1))
        groups = {"ocular": self.ocular, "pupil": self.pupil}.get(kind)
        if groups is None:
            raise ConfigError(f"scheme {self.name!r} has no distance {kind!r}; there are {', '.join(self.distances)}")
        first, second = (points[..., list(group), :].mean(axis=-2) for group in groups)
        return np.linalg.norm(first - second, axis=-1)

    def as_dict(self) -> dict[str, Any]:
        """What `read_scheme` makes this scheme of again, ready for JSON."""
        told = {
            "name": self.name,
            "points": self.num_points,
            "flip_pairs": [[point, other] for point, other in enumerate(self.flip) if point < other],
            "ocular": [list(group) for group in self.ocular],
            "regions": {name: list(group) for name, group in self.regions.items()},
            "lines": [list(line) for line in self.lines],
        }
        return told if self.pupil is None else {**told, "pupil": [list(group) for group in self.pupil]}

    @property
    def distances(self) -> tuple[str, ...]:
        """Kinds that `distance` knows."""
        return ("ocular", "pupil", "box") if self.pupil else ("ocular", "box")


def _check_flip(name: str, num_points: int, flip: Sequence[int]) -> None:
    if len(flip) != num_points:
        raise ConfigError(f"scheme {name!r}: expected a flip table of {num_points} points but found {len(flip)}")
    for point, other in enumerate(flip):
        if not 0 <= other < num_points or flip[other] != point:
            raise ConfigError(
                f"scheme {name!r}: expected a flip table that is its own inverse, but point {point} goes to {other}"
                + (f" and {other} to {flip[other]}" if 0 <= other < num_points else ", which is not there")
            )


def _range(first: int, last: int) -> Group:
    return tuple(range(first, last + 1))


# fmt: off
_FLIP_68 = (
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 27, 28, 29, 30,
    35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55,
    64, 63, 62, 61, 60, 67, 66, 65,
)
_FLIP_98 = (
    32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2,
    1, 0, 46, 45, 44, 43, 42, 50, 49, 48, 47, 37, 36, 35, 34, 33, 41, 40, 39, 38, 51, 52, 53, 54, 59, 58, 57, 56, 55,
    72, 71, 70, 69, 68, 75, 74, 73, 64, 63, 62, 61, 60, 67, 66, 65, 82, 81, 80, 79, 78, 77, 76, 87, 86, 85, 84, 83,
    92, 91, 90, 89, 88, 95, 94, 93, 97, 96,
)
_FLIP_29 = (
    1, 0, 3, 2, 6, 7, 4, 5, 9, 8, 11, 10, 14, 15, 12, 13, 17, 16, 19, 18, 20, 21, 23, 22, 24, 25, 26, 27, 28,
)
# fmt: on

# Points, flips and eye corners as the benchmarks number them (300W, WFLW, COFW); lines and regions follow from them.
# COFW's 29 are LFPW's, which names them: ends, upper and lower middles of brows and eyes; pupils; sides, top and bottom
# of the nose; corners of the mouth, upper and lower middles of both lips; chin.
SCHEMES: dict[str, LandmarkScheme] = {
    scheme.name: scheme
    for scheme in (
        LandmarkScheme(
            name="68",
            num_points=68,
            flip=_FLIP_68,
            ocular=((36,), (45,)),
            pupil=(_range(36, 41), _range(42, 47)),
            regions={
                "jaw": _range(0, 16),
                "brows": _range(17, 26),
                "nose": _range(27, 35),
                "eyes": _range(36, 47),
                "mouth": _range(48, 67),
            },
            lines=(
                _range(0, 16),
                _range(17, 21),
                _range(22, 26),
                _range(27, 30),
                _range(31, 35),
                (*_range(36, 41), 36),
                (*_range(42, 47), 42),
                (*_range(48, 59), 48),
                (*_range(60, 67), 60),
            ),
        ),
        LandmarkScheme(
            name="98",
            num_points=98,
            flip=_FLIP_98,
            ocular=((60,), (72,)),
            pupil=((96,), (97,)),
            regions={
                "jaw": _range(0, 32),
                "brows": _range(33, 50),
                "nose": _range(51, 59),
                "eyes": (*_range(60, 75), 96, 97),
                "mouth": _range(76, 95),
            },
            lines=(
                _range(0, 32),
                (*_range(33, 41), 33),
                (*_range(42, 50), 42),
                _range(51, 54),
                _range(55, 59),
                (*_range(60, 67), 60),
                (*_range(68, 75), 68),
                (*_range(76, 87), 76),
                (*_range(88, 95), 88),
            ),
        ),
        LandmarkScheme(
            name="29",
            num_points=29,
            flip=_FLIP_29,
            ocular=((8,), (9,)),
            pupil=((16,), (17,)),
            regions={
                "brows": _range(0, 7),
                "nose": _range(18, 21),
                "eyes": _range(8, 17),
                "mouth": _range(22, 27),
                "chin": (28,),
            },
            lines=(
                (0, 4, 2, 5, 0),
                (1, 6, 3, 7, 1),
                (18, 20, 19, 21, 18),
                (8, 12, 10, 13, 8),
                (9, 14, 11, 15, 9),
                (22, 24, 23, 27, 22),
                (22, 25, 23, 26, 22),
            ),
        ),
    )
}


def load_scheme(source: str | Path | LandmarkScheme) -> LandmarkScheme:
    """A scheme by name, ``'68'`` (300W), ``'98'`` (WFLW) or ``'29'`` (COFW), or from a JSON file of one's own.

    The file holds ``points``, their number; ``flip_pairs``, a list of pairs that swap in a mirror (all others stay);
    ``ocular``, a pair of points or of lists of points, whose distance errors are divided by; and, if wanted, ``name``,
    ``pupil``, ``regions`` and ``lines`` as in `LandmarkScheme`.

    Raises:
        ConfigError: if there is no such scheme or file, or it does not say what it must.
    """
    if isinstance(source, LandmarkScheme):
        return source
    if str(source) in SCHEMES:
        return SCHEMES[str(source)]
    path = Path(source)
    if path.suffix != ".json":
        raise ConfigError(
            f"no landmark scheme {str(source)!r}; there are {', '.join(SCHEMES)}, or name a JSON file"
            f"{did_you_mean(str(source), SCHEMES)}"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"expected a landmark scheme at {path.absolute()} but found none ({error.strerror})"
        ) from error
    except ValueError as error:
        raise ConfigError(f"expected JSON in {path} but found: {error}") from error
    return read_scheme(content, str(path))


def read_scheme(content: Any, source: str) -> LandmarkScheme:
    """A scheme from what a file holds; see `load_scheme`. ``source`` names it in messages."""
    if not isinstance(content, Mapping):
        raise ConfigError(f"expected an object with points, flip_pairs and ocular in {source}")
    for key in content:
        if key not in KEYS:
            raise ConfigError(f"unknown key {key!r} in {source}{did_you_mean(key, KEYS)}")
    try:
        count = _whole(content["points"])
        flip = list(range(count))
        for first, second in content["flip_pairs"]:
            for point in map(_whole, (first, second)):
                if not 0 <= point < count:
                    raise ConfigError(f"expected flip_pairs of points 0 to {count - 1} in {source} but found {point}")
                if flip[point] != point:
                    raise ConfigError(f"expected each point once in flip_pairs of {source} but found {point} again")
            flip[first], flip[second] = second, first
        return LandmarkScheme(
            name=str(content.get("name", Path(source).stem)),
            num_points=count,
            flip=tuple(flip),
            ocular=_pair(content["ocular"]),
            pupil=_pair(content["pupil"]) if content.get("pupil") else None,
            regions={name: tuple(map(_whole, group)) for name, group in dict(content.get("regions", {})).items()},
            lines=tuple(tuple(map(_whole, line)) for line in content.get("lines", ())),
        )
    except KeyError as error:
        raise ConfigError(f"expected {error.args[0]!r} in {source} but found {', '.join(content)}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"expected pairs and lists of whole numbers in {source} but found: {error}") from error


def write_scheme(path: str | Path, scheme: LandmarkScheme) -> None:
    """Write a scheme as a JSON file that `load_scheme` reads.

    Raises:
        DataError: if the file cannot be written.
    """
    try:
        with atomic_write(path, "w") as file:
            file.write(
                "{\n"
                + ",\n".join(f'  "{key}": {json.dumps(value)}' for key, value in scheme.as_dict().items())
                + "\n}\n"
            )
    except OSError as error:
        raise DataError(f"expected to write {path} but found: {error.strerror}") from error


def _pair(groups: Sequence) -> tuple[Group, Group]:
    first, second = (group if isinstance(group, (list, tuple)) else [group] for group in groups)
    return tuple(map(_whole, first)), tuple(map(_whole, second))


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r}, which is no whole number")
    return value
