"""Cut the faces out of a set's photographs, so that training does not decode whole photographs in every epoch.

    python data_prep/landmarks/crop_faces.py --from 300w --root data/300w --out data/300w_crops
    python data_prep/landmarks/crop_faces.py --from coco --root photos --annotations train=a.json test=b.json \
        --scheme scheme.json --out data/crops

Written is a folder that `common.landmark_files.read_folder` reads: ``{train,test,...}/NAME.jpg`` (quality 95) and
``NAME.pts`` with the points moved and scaled along, ``faces.json`` in each part with subsets, attributes, boxes and
occluded points, and ``scheme.json``.

A crop is the square around the middle of a face's box, with a margin on each side, cut at the edges of the image; the
box is that of the points, and of the annotated box where there is one. Errors of points divided by a distance within
the face are the same in crop and photograph, but for the rounding of a crop's sides to whole pixels.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from common.errors import ConfigError, DataError, exit_on_user_error
from common.landmark_files import (
    SCHEMES,
    Face,
    LandmarkScheme,
    check_points,
    folder_scheme,
    load_scheme,
    pts_text,
    read_300w,
    read_coco,
    read_cofw,
    read_dlib,
    read_face_image,
    read_folder,
    read_table,
    read_wflw,
    write_notes,
    write_scheme,
)
from data_prep.output import is_filled, progress_bar, whole_folder

QUALITY = 95
PARTS = ("train", "val", "test")
# Files that list faces.
LISTED = {"coco": read_coco, "table": read_table, "dlib": read_dlib}
# Sets with a scheme and parts of their own.
PUBLISHED = {"300w": ("68", read_300w), "cofw": ("29", read_cofw), "wflw": ("98", read_wflw)}


def crop_face(image: np.ndarray, face: Face, margin: float = 0.3, size: int = 256) -> tuple[np.ndarray, Face]:
    """The part of an image around a face, and the face in it.

    Args:
        image: uint8 ``[H, W, 3]``.
        face: its points and box in pixels of the image.
        margin: share of the box's longer side that is added on each side.
        size: most pixels of the crop's longer side; a smaller one is not enlarged.

    Returns:
        The crop ``[h, w, 3]``, and the face with points and box in its pixels.

    Raises:
        DataError: if the face is outside of the image.
    """
    height, width = image.shape[:2]
    check_points(face, width, height)
    corners = face.points if face.box is None else np.concatenate([face.points, face.box.reshape(2, 2)])
    low, high = corners.min(axis=0).astype(np.float64), corners.max(axis=0).astype(np.float64)
    middle, half = (low + high) / 2, max((high - low).max(), 1) * (0.5 + margin)
    first = np.maximum(np.ceil(middle - half), 0).astype(int)
    last = np.minimum(np.floor(middle + half) + 1, (width, height)).astype(int)
    extent = last - first
    if extent.min() < 1:
        raise DataError(
            f"expected a face in the image of {width}x{height} but found it outside: {face.name} ({face.image})"
        )
    crop = image[first[1] : last[1], first[0] : last[0]]
    shrunk = np.maximum(np.round(extent * min(1, size / extent.max())), 1).astype(int)
    if (shrunk < extent).any():
        crop = cv2.resize(crop, tuple(shrunk.tolist()), interpolation=cv2.INTER_AREA)
    # Half a pixel lies between the edge of the image, from which lengths are scaled, and the middle of its first pixel.
    points, box = (
        None if values is None else ((values.reshape(-1, 2) - first + 0.5) * (shrunk / extent) - 0.5).astype(np.float32)
        for values in (face.points, face.box)
    )
    return crop, dataclasses.replace(face, points=points, box=None if box is None else box.ravel())


def write_crops(
    parts: Mapping[str, list[Face]],
    scheme: LandmarkScheme,
    out: Path,
    margin: float = 0.3,
    size: int = 256,
    force: bool = False,
) -> dict[str, int]:
    """Write the crops of faces; see the module for the layout.

    Args:
        parts: name of the folder in ``out`` -> faces; ``''`` is ``out`` itself.
        scheme: of the points.
        out: folder to write; appears only when all of it is there.
        margin: see `crop_face`.
        size: see `crop_face`.
        force: replace earlier crops at ``out``.

    Returns:
        Number of faces in each part.

    Raises:
        DataError: if ``out`` is not empty, an image cannot be read, a face is outside of it, or nothing can be written.
    """
    if is_filled(out) and not (force and (out / "scheme.json").is_file()):
        raise DataError(
            f"expected a new or empty folder but found files in {out}; name another one, or replace earlier crops with "
            "--force"
        )
    try:
        with whole_folder(out) as folder, progress_bar() as progress:
            task = progress.add_task("faces", total=sum(map(len, parts.values())))
            write_scheme(folder / "scheme.json", scheme)
            for part, faces in parts.items():
                cropped = []
                for face in faces:
                    cropped.append(_write_crop(folder / part, face, margin, size))
                    progress.advance(task)
                write_notes(folder / part, cropped)
    except OSError as error:
        raise DataError(f"expected to write {out} but found: {error.strerror}; check the free space") from error
    return {part: len(faces) for part, faces in parts.items()}


def _write_crop(folder: Path, face: Face, margin: float, size: int) -> Face:
    crop, cropped = crop_face(read_face_image(face), face, margin, size)
    path = folder / f"{face.name}.jpg"
    if path.exists():
        raise DataError(f"expected faces with names of their own but found {face.name!r} again ({face.image})")
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(crop[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    path.write_bytes(encoded.tobytes())
    # As it is: the folder appears whole, and waiting for the disk at each file would take most of the time.
    (folder / f"{face.name}.pts").write_text(pts_text(cropped.points))
    return cropped


def read_parts(options: argparse.Namespace) -> tuple[LandmarkScheme, dict[str, list[Face]]]:
    """The scheme and the faces that the command line names, by part.

    Raises:
        ConfigError: for an argument that is missing or does not fit the kind of set.
        DataError: as the readers.
    """
    _check(options)
    skip = options.skip_incomplete
    if options.kind in PUBLISHED:
        name, reader = PUBLISHED[options.kind]
        # Not every set has boxes beside it, or images that can be missing.
        asked = {key: True for key in ("boxes", "skip_incomplete") if getattr(options, key)}
        parts = options.parts or ("train", "test")
        return SCHEMES[name], {part: reader(options.root, part, **asked) for part in parts}
    if options.kind == "folder":
        parts = options.parts or [part for part in PARTS if (options.root / part).is_dir()] or [""]
        scheme = folder_scheme(options.root, options.scheme)
        return scheme, {part: read_folder(options.root / part, scheme, skip) for part in parts}
    scheme = load_scheme(options.scheme)
    reader = LISTED[options.kind]
    files = dict(text.split("=", 1) for text in options.annotations)
    return scheme, {
        part: reader(file, options.root, scheme.num_points, float(options.first_pixel), skip)
        for part, file in files.items()
    }


def _check(options: argparse.Namespace) -> None:
    listed = options.kind in LISTED
    if listed and not (options.scheme and options.annotations):
        raise ConfigError(f"expected --scheme and --annotations PART=FILE with --from {options.kind}")
    if listed and (options.parts or not all(text.partition("=")[2] for text in options.annotations)):
        raise ConfigError("expected parts as --annotations PART=FILE ..., such as train=train.json")
    if not listed and options.annotations:
        raise ConfigError(f"expected no --annotations with --from {options.kind}, which has files of its own")
    if options.kind in PUBLISHED and options.scheme:
        raise ConfigError(f"expected no --scheme with --from {options.kind}, which has one of its own")
    if options.boxes and options.kind != "300w":
        raise ConfigError("expected --boxes with --from 300w alone")
    if options.skip_incomplete and options.kind == "cofw":
        raise ConfigError("expected no --skip-incomplete with --from cofw, whose images are in its files")
    if options.size < 1 or not 0 <= options.margin < 10:
        raise ConfigError(
            f"expected a size of 1 or more and a margin of 0 to 10 but found {options.size}, {options.margin}"
        )


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Cut the faces out of a set's photographs, as a folder of PTS files.")
    add = parser.add_argument
    add("--from", dest="kind", required=True, choices=(*PUBLISHED, *LISTED, "folder"), help="kind of set")
    add("--root", type=Path, required=True, help="folder of the set; of the images for coco, table and dlib")
    add("--out", type=Path, required=True, help="folder to write")
    add("--size", type=int, default=256, help="most pixels of a crop's longer side (default %(default)s)")
    add("--margin", type=float, default=0.3, help="share of the face on each side (default %(default)s)")
    add("--parts", nargs="+", help="parts to take (default train test; of a folder those that are there)")
    add("--annotations", nargs="+", metavar="PART=FILE", help="files of coco, table and dlib, such as train=train.json")
    add("--scheme", help="68, 98, 29 or a JSON file, for coco, table, dlib and folder")
    add("--first-pixel", type=int, choices=(0, 1), default=0, help="where coco, table and dlib count from (default 0)")
    add("--boxes", action="store_true", help="take the official boxes of 300W along")
    add("--skip-incomplete", action="store_true", help="leave out images without labels and the reverse")
    add("--force", action="store_true", help="replace earlier crops")
    options = parser.parse_args(arguments)
    scheme, parts = read_parts(options)
    counts = write_crops(parts, scheme, options.out, options.margin, options.size, options.force)
    print(f"{options.out}: " + ", ".join(f"{part or 'faces'} {count}" for part, count in counts.items()))


if __name__ == "__main__":
    raise SystemExit(main())
