"""Optical flow in files: Middlebury's ``.flo``, KITTI's 16-bit ``.png``, ``.npz``, and a folder that keeps estimates.

In all of them (u, v) are pixels to the right and down, from the first picture to the second.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from common.atomic import atomic_write
from common.errors import DataError

FLOW_SUFFIXES = (".flo", ".png", ".npz")
# Middlebury: the float that a file starts with, and from where on a value means "unknown".
FLO_MAGIC, FLO_UNKNOWN = 202021.25, 1e9
# KITTI: 64 steps a pixel around 2^15, so that 16 bits reach to +-512 pixels.
KITTI_STEPS, KITTI_ZERO = 64.0, 2**15


class FlowMap(NamedTuple):
    """Flow from one picture to another.

    Attributes:
        flow: (u, v) in pixels, float32 ``[2, H, W]``; 0 where it is not known.
        valid: where it is known and, if the file tells, the point is not hidden in the second picture, bool ``[H, W]``.
    """

    flow: np.ndarray
    valid: np.ndarray


def read_flow(path: str | Path) -> FlowMap:
    """Read a flow file, whose kind follows from its suffix.

    - ``.flo``: Middlebury's; values above 1e9 or not finite are not known.
    - ``.png``: KITTI's, 16 bits by three channels; the third tells where flow is known.
    - ``.npz``: ``flow`` ``[H, W, 2]`` or ``[2, H, W]`` of any float type, and ``valid`` ``[H, W]`` if known.

    Raises:
        DataError: if the file is missing, cut, damaged, or of another kind or shape.
    """
    path = Path(path)
    read = {".flo": _read_flo, ".png": _read_kitti, ".npz": _read_npz}.get(path.suffix.lower())
    if read is None:
        raise DataError(f"expected a flow file ({', '.join(FLOW_SUFFIXES)}) but found {path}")
    if not path.is_file():
        raise DataError(f"expected a flow file but found none at {path}")
    flow, valid = read(path)
    valid = valid & np.isfinite(flow).all(axis=0)
    return FlowMap(np.where(valid, flow, np.float32(0)).astype(np.float32), valid)


def write_flow(path: str | Path, flow: np.ndarray, valid: np.ndarray | None = None) -> None:
    """Write a flow file, which appears whole or not at all.

    Args:
        path: ends in ``.flo`` (32 bits, exact), ``.npz`` (16-bit floats) or ``.png`` (steps of 1/64 pixel; what lies
            beyond +-512 pixels is marked as not known).
        flow: (u, v) in pixels, ``[2, H, W]``.
        valid: where it is known, ``[H, W]``; everywhere when None.

    Raises:
        DataError: for another suffix or shape, or if the file cannot be written.
    """
    path = Path(path)
    flow = np.asarray(flow, np.float32)
    valid = np.ones(flow.shape[1:], bool) if valid is None else np.asarray(valid, bool)
    if flow.ndim != 3 or len(flow) != 2 or valid.shape != flow.shape[1:]:
        raise DataError(f"expected flow [2, H, W] and valid [H, W] but found {flow.shape} and {valid.shape} for {path}")
    write = {".flo": _write_flo, ".png": _write_kitti, ".npz": _write_npz}.get(path.suffix.lower())
    if write is None:
        raise DataError(f"expected a flow file ({', '.join(FLOW_SUFFIXES)}) but found {path}")
    try:
        with atomic_write(path) as file:
            write(file, flow, valid & np.isfinite(flow).all(axis=0))
    except OSError as error:
        raise DataError(f"expected to write {path} but found: {error.strerror or error}") from error


def _damaged(path: Path, found: object) -> DataError:
    return DataError(f"expected optical flow but found {found} in {path}; copy or compute it again")


def _read_flo(path: Path) -> tuple[np.ndarray, np.ndarray]:
    data = path.read_bytes()
    head = np.frombuffer(data[:4], "<f4") if len(data) >= 12 else ()
    if len(head) == 0 or head[0] != FLO_MAGIC:
        raise _damaged(path, "no Middlebury file")
    width, height = np.frombuffer(data[4:12], "<i4").tolist()
    if width < 1 or height < 1 or len(data) != 12 + 8 * width * height:
        raise _damaged(path, f"{len(data)} bytes for {width}x{height} pixels")
    flow = np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2).transpose(2, 0, 1)
    with np.errstate(invalid="ignore"):
        return flow, (np.abs(flow) < FLO_UNKNOWN).all(axis=0)


def _write_flo(file, flow: np.ndarray, valid: np.ndarray) -> None:
    height, width = valid.shape
    file.write(np.float32(FLO_MAGIC).astype("<f4").tobytes() + np.array([width, height], "<i4").tobytes())
    known = np.where(valid, flow, np.float32(10 * FLO_UNKNOWN))
    file.write(np.ascontiguousarray(known.transpose(1, 2, 0)).astype("<f4").tobytes())


def _read_kitti(path: Path) -> tuple[np.ndarray, np.ndarray]:
    data = np.frombuffer(path.read_bytes(), np.uint8)
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise _damaged(path, "a damaged picture")
    if pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise _damaged(path, f"a picture of {pixels.dtype} {pixels.shape} in place of 16 bits by three channels")
    valid, v, u = np.moveaxis(pixels, 2, 0)
    return (np.stack([u, v]).astype(np.float32) - KITTI_ZERO) / np.float32(KITTI_STEPS), valid > 0


def _write_kitti(file, flow: np.ndarray, valid: np.ndarray) -> None:
    steps = np.rint(np.where(valid, flow, 0) * KITTI_STEPS) + KITTI_ZERO
    valid = valid & (steps >= 0).all(axis=0) & (steps < 2 * KITTI_ZERO).all(axis=0)
    u, v = np.where(valid, steps, 0).astype(np.uint16)
    file.write(cv2.imencode(".png", np.dstack([valid.astype(np.uint16), v, u]))[1].tobytes())


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path) as arrays:
            flow = arrays["flow"]
            valid = arrays.get("valid")
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(path, f"no readable array 'flow' ({error})") from error
    if flow.dtype.kind == "f" and flow.ndim == 3 and flow.shape[2] == 2:
        flow = flow.transpose(2, 0, 1)
    if flow.dtype.kind != "f" or flow.ndim != 3 or len(flow) != 2:
        raise _damaged(path, f"{flow.dtype} {flow.shape} in place of floats [H, W, 2]")
    if valid is None:
        valid = np.ones(flow.shape[1:], bool)
    if valid.shape != flow.shape[1:]:
        raise _damaged(path, f"valid {valid.shape} beside flow {flow.shape}")
    return flow.astype(np.float32), valid.astype(bool)


def _write_npz(file, flow: np.ndarray, valid: np.ndarray) -> None:
    np.savez_compressed(file, flow=flow.transpose(1, 2, 0).astype(np.float16), valid=valid)


class FlowCache:
    """Estimates that are kept: a KITTI file each, half as large as a compressed float16 array and as precise.

    Any number of processes may read and write at once: files appear whole, and what two of them compute is the same.

    Args:
        folder: of the files.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def file(self, key: str) -> Path:
        """Where the flow of a key is kept; keys start evenly spread, as hashes do."""
        return self.folder / key[:2] / f"{key}.png"

    def get(self, key: str) -> FlowMap | None:
        """The flow of a key; None where there is none or its file is damaged."""
        path = self.file(key)
        try:
            return read_flow(path) if path.is_file() else None
        except (DataError, OSError):
            return None

    def put(self, key: str, flow: np.ndarray) -> None:
        """Keep flow ``[2, H, W]``.

        Raises:
            DataError: if it cannot be written.
        """
        write_flow(self.file(key), flow)


def as_kept(flow: np.ndarray) -> FlowMap:
    """Flow ``[2, H, W]`` as a `FlowCache` gives it back, so that the first epoch sees what the others do."""
    steps = np.rint(flow * np.float32(KITTI_STEPS))
    valid = (np.abs(steps + 0.5) < KITTI_ZERO).all(axis=0)
    return FlowMap(np.where(valid, steps / np.float32(KITTI_STEPS), 0).astype(np.float32), valid)
