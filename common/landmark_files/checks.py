"""What the readers of landmark files ask of paths and counts."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from mmengine.logging import print_log

from common.errors import ConfigError, DataError
from common.landmark_files.face import Face


def check_part(part: str, parts: Iterable[str], dataset: str) -> None:
    """Refuse a part that a set does not have.

    Raises:
        ConfigError: for another part.
    """
    if part not in parts:
        raise ConfigError(f"expected part {', '.join(map(repr, parts))} of {dataset} but found {part!r}")


def inner_folder(root: str | Path, relative: str) -> Path:
    """A folder below ``root``, its name in whatever case.

    Raises:
        DataError: if it is not there; tells what is.
    """
    folder = Path(root)
    for name in PurePosixPath(relative).parts:
        if not folder.is_dir():
            break
        here = {path.name: path for path in folder.iterdir() if path.is_dir()}
        matches = [path for found, path in sorted(here.items()) if found.casefold() == name.casefold()]
        if not matches:
            raise DataError(
                f"expected a folder {relative} in {root} but found no {name} in {folder}; "
                f"there are {', '.join(sorted(here)[:8]) or 'no folders'}"
            )
        folder = here.get(name, matches[0])
    if not folder.is_dir():
        raise DataError(f"expected a folder but found none at {folder.absolute()}")
    return folder


def face_name(image: str) -> str:
    """Name of a face from the path of its image: without its ending, never leading out of a folder."""
    parts = [part for part in PurePosixPath(image).with_suffix("").parts if part not in ("/", "..")]
    return "/".join(parts)


def with_images(faces: list[Face], source: str | Path, skip_incomplete: bool) -> list[Face]:
    """Those faces whose image is there.

    Args:
        faces: all that a file of labels tells of.
        source: that file, for messages.
        skip_incomplete: leave the others out, and say how many, instead of raising an error.

    Raises:
        DataError: if images are missing, or all are; names the first and the file.
    """
    there = {image: image.is_file() for image in {face.image for face in faces}}
    missing = [face.image for face in faces if not there[face.image]]
    if not missing:
        return faces
    if not skip_incomplete or len(missing) == len(faces):
        raise DataError(
            f"expected the image of every face of {source} but {len(missing)} of {len(faces)} have none; the first is "
            f"{missing[0]}; check the folder of the images"
            + ("" if skip_incomplete else ", or leave such faces out with skip_incomplete=True")
        )
    print_log(
        f"{source}: left out {len(missing)} of {len(faces)} faces, whose images are missing", "current", logging.WARNING
    )
    return [face for face in faces if there[face.image]]


def tell_counts(dataset: str, counts: Iterable[tuple[str, int, int]]) -> None:
    """Warn where a part of a published set has not as many faces as it was published with.

    Args:
        dataset: its name.
        counts: what, number published, number found.
    """
    differing = [f"{expected} in {what} but found {found}" for what, expected, found in counts if expected != found]
    if differing:
        print_log(
            f"{dataset}: expected the published number of faces, {'; '.join(differing)}; "
            "results on other faces are not comparable",
            "current",
            logging.WARNING,
        )
