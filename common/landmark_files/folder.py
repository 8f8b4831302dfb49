"""A folder of images with PTS or LJSON files beside them: one's own faces, or what `data_prep/landmarks` writes.

    faces/
      scheme.json           what the points are, see `common.landmark_files.load_scheme`
      train/  val/  test/   or the files themselves, or other folders, however deep
        anna/1.jpg
        anna/1.pts        or 1.ljson
        faces.json          subsets, attributes, boxes and occluded points, where there are any

``faces.json`` has an object ``{"NAME": {...}}`` with an entry for each face there is something to tell of; NAME is the
path of its image in the folder without the ending, and the entry has any of ``"subset"`` (text), ``"attributes"``
(object of booleans), ``"box"`` (x0, y0, x1, y1 in pixels from 0) and ``"occluded"`` (numbers of points, from 0).
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from common.atomic import atomic_write
from common.errors import ConfigError, DataError
from common.landmark_files.face import Face
from common.landmark_files.ljson import read_ljson
from common.landmark_files.pts import read_pts
from common.landmark_files.scheme import LandmarkScheme, load_scheme
from common.text_files import read_text

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
# What points are in, and what reads it.
LABELS = {".pts": read_pts, ".ljson": read_ljson}
NOTES = "faces.json"
SCHEME = "scheme.json"
_NOTE_KEYS = ("subset", "attributes", "box", "occluded")


def read_folder(
    folder: str | Path, scheme: str | Path | LandmarkScheme | None = None, skip_incomplete: bool = False
) -> list[Face]:
    """The faces of a folder of images with PTS or LJSON files beside them, in any depth.

    Args:
        folder: with the layout above; give a part of it, such as ``faces/train``, for that part.
        scheme: of the points, see `common.landmark_files.load_scheme`; None takes ``scheme.json`` of the folder or of
            the one that it is in.
        skip_incomplete: leave out images without points and the reverse, and say how many, instead of raising an error.

    Returns:
        Faces sorted by name, which is the path in the folder without the ending.

    Raises:
        ConfigError: if there is no scheme, or it does not say what it must.
        DataError: if there are no faces, a file has no partner, or one is malformed.
    """
    folder = Path(folder)
    pairs = paired_files(folder, skip_incomplete=skip_incomplete)
    num_points = folder_scheme(folder, scheme).num_points
    notes = _read_notes(folder / NOTES, num_points)
    unknown = notes.keys() - {name for name, _, _ in pairs}
    if unknown:
        print_log(
            f"{folder / NOTES} tells of {len(unknown)} faces that are not there, such as {min(unknown)!r}",
            "current",
            logging.WARNING,
        )
    faces = []
    for name, image, label in pairs:
        points = LABELS[label.suffix.lower()](label, num_points)
        note = notes.get(name, {})
        visible = np.ones(num_points, bool)
        visible[note.get("occluded", [])] = False
        box = np.array(note["box"], np.float32) if "box" in note else None
        faces.append(Face(image, points, visible, box, note.get("subset", ""), note.get("attributes", {}), None, name))
    return faces


def folder_scheme(folder: str | Path, scheme: str | Path | LandmarkScheme | None = None) -> LandmarkScheme:
    """The scheme of a folder's points: ``scheme``, or ``scheme.json`` of the folder or of the one that it is in.

    Raises:
        ConfigError: if there is none, or it does not say what it must.
    """
    if scheme is not None:
        return load_scheme(scheme)
    # Of the whole path, so that "." has a parent.
    folder = Path(folder).absolute()
    for path in (folder / SCHEME, folder.parent / SCHEME):
        if path.is_file():
            return load_scheme(path)
    raise ConfigError(
        f"expected a landmark scheme but found none; name one ('68', '98', '29' or a JSON file) or write "
        f"{folder / SCHEME} with points, flip_pairs and ocular"
    )


def paired_files(
    folder: str | Path,
    skip_incomplete: bool = False,
    ignored_ending: str | None = None,
    label_suffixes: Collection[str] = tuple(LABELS),
) -> list[tuple[str, Path, Path]]:
    """Images and the files of points beside them, in any depth; hidden files and folders are passed over.

    Args:
        folder: where to look.
        skip_incomplete: leave out images without points and the reverse, and say how many.
        ignored_ending: pass over files whose name, without the ending, ends so.
        label_suffixes: of files of points.

    Returns:
        Name, image and file of points of each pair, sorted by name: the path in the folder without the ending.

    Raises:
        DataError: if there are none, a file has no partner, or two images or files of points have the same name.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"expected a folder of images with PTS or LJSON files but found none at {folder.absolute()}")
    images: dict[str, Path] = {}
    labels: dict[str, Path] = {}
    for path in _files(folder):
        suffix = path.suffix.lower()
        kind = labels if suffix in label_suffixes else images if suffix in IMAGE_SUFFIXES else None
        if kind is None or (ignored_ending and path.stem.endswith(ignored_ending)):
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in kind:
            raise DataError(
                f"expected one file for each face but found {kind[name].name} and {path.name} in {path.parent}"
            )
        kind[name] = path
    _check_partners(images, labels, folder, skip_incomplete)
    return [(name, images[name], labels[name]) for name in sorted(images.keys() & labels.keys())]


def write_notes(folder: str | Path, faces: Sequence[Face]) -> None:
    """Write ``faces.json``: what `read_folder` cannot know from images and PTS files; no file if there is nothing.

    Args:
        folder: with the images; the names of the faces are paths in it.
        faces: whose subset, attributes, box and occluded points are kept.

    Raises:
        DataError: if the file cannot be written.
    """
    notes = {face.name: note for face in faces if (note := _note(face))}
    try:
        if not notes:
            (Path(folder) / NOTES).unlink(missing_ok=True)
            return
        with atomic_write(Path(folder) / NOTES, "w") as file:
            file.write("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(notes[name])}" for name in notes) + "\n}\n")
    except OSError as error:
        raise DataError(f"expected to write {Path(folder) / NOTES} but found: {error.strerror}") from error


def _note(face: Face) -> dict[str, Any]:
    note: dict[str, Any] = {}
    if face.subset:
        note["subset"] = face.subset
    if face.attributes:
        note["attributes"] = {name: bool(value) for name, value in face.attributes.items()}
    if face.box is not None:
        note["box"] = [round(float(value), 3) for value in face.box]
    if not face.visible.all():
        note["occluded"] = np.flatnonzero(~face.visible).tolist()
    return note


def _files(folder: Path) -> list[Path]:
    found = []
    for here, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        found += [Path(here, name) for name in files if not name.startswith(".")]
    return sorted(found)


def _check_partners(
    images: Mapping[str, Path], labels: Mapping[str, Path], folder: Path, skip_incomplete: bool
) -> None:
    alone = [
        f"{len(names)} {what} (the first is {kind[names[0]]})"
        for what, kind, names in (
            ("images without points", images, sorted(images.keys() - labels.keys())),
            ("files of points without image", labels, sorted(labels.keys() - images.keys())),
        )
        if names
    ]
    if not images.keys() & labels.keys():
        raise DataError(
            f"expected images with PTS or LJSON files in {folder} but found {' and '.join(alone) or 'neither'}"
        )
    if not alone:
        return
    if not skip_incomplete:
        raise DataError(
            f"expected a PTS or LJSON file beside each image and an image beside each of them in {folder} but found "
            f"{' and '.join(alone)}; complete them, or leave them out with skip_incomplete=True"
        )
    print_log(f"{folder}: left out {' and '.join(alone)}", "current", logging.WARNING)


def _read_notes(path: Path, num_points: int) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    try:
        notes = json.loads(read_text(path, "what is told of faces"))
    except ValueError as error:
        raise DataError(f"expected JSON in {path} but found: {error}") from error
    if not isinstance(notes, dict):
        raise DataError(f"expected an object with an entry for each face in {path}")
    for name, note in notes.items():
        problem = _problem(note, num_points)
        if problem:
            raise DataError(f"expected {problem} of {name!r} in {path} but found {json.dumps(note)[:200]}")
    return notes


def _problem(note: Any, num_points: int) -> str | None:
    """What is expected where an entry is not as it must be."""
    if not isinstance(note, dict) or not note.keys() <= set(_NOTE_KEYS):
        return f"an object of {', '.join(_NOTE_KEYS)} at most for the entry"
    if not isinstance(note.get("subset", ""), str):
        return "text for the subset"
    attributes = note.get("attributes", {})
    if not isinstance(attributes, dict) or not all(isinstance(value, bool) for value in attributes.values()):
        return "an object of true and false for the attributes"
    box = note.get("box", [0, 0, 0, 0])
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        return "four finite numbers for the box"
    occluded = note.get("occluded", [])
    if not isinstance(occluded, list) or not all(type(point) is int and 0 <= point < num_points for point in occluded):
        return f"points 0 to {num_points - 1} for the occluded"
    return None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
