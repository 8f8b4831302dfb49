"""RadioML's pickles of labelled frames, read without running anything that is in them.

A pickle is a program: loading it as it stands runs whatever its maker put there. Here the reader knows the few names
that NumPy arrays are pickled with and has a stand-in for each, so that not even NumPy is called; the arrays are put
together afterwards, from checked shapes and bytes.
"""

from __future__ import annotations

import codecs
import math
import pickle
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from common.errors import DataError, did_you_mean
from common.frame_checks import check_frames

MOST_DB = 1000
ARCHIVES = (".tar.bz2", ".tar.gz", ".tgz", ".tbz2", ".tar")
_NUMBER = re.compile("f[248]|[iu][1248]")
_NUMBER_OR_NAME = re.compile(r"f[248]|[iu][1248]|[US]\d{1,3}")
Cells = dict[tuple[str, int], np.ndarray]


class _DType:
    """Stands in for a ``numpy.dtype``: keeps what it was made from."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, *_copying: Any):
        self.code = _text(code)
        self.order = "="

    def __setstate__(self, state: tuple) -> None:
        self.order = _text(state[1])

    def numpy(self, codes: re.Pattern = _NUMBER) -> np.dtype:
        if not codes.fullmatch(self.code) or self.order not in ("<", ">", "|", "="):
            raise DataError(f"expected numbers of NumPy's type f4 but found type {self.order + self.code!r}")
        return np.dtype(self.code).newbyteorder(self.order)


class _Array:
    """Stands in for a ``numpy.ndarray``: keeps version, shape, type, order and bytes."""

    __slots__ = ("state",)

    def __init__(self, *_empty: Any):
        self.state: tuple = ()

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    @classmethod
    def of_buffer(cls, data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
        """As pickle protocol 5 has it."""
        array = cls()
        array.state = (1, shape, dtype, order == "F", data)
        return array

    def numpy(self) -> np.ndarray:
        if len(self.state) != 5 or not isinstance(self.state[2], _DType):
            raise DataError("expected an array but found something else in its place")
        _, shape, dtype, column_major, data = self.state
        dtype, data = dtype.numpy(), _bytes(data)
        if not isinstance(shape, tuple) or not all(isinstance(size, int) and size >= 0 for size in shape):
            raise DataError(f"expected the shape of an array but found {shape!r}")
        expected = math.prod(shape) * dtype.itemsize
        if len(data) != expected:
            raise DataError(f"expected {expected} bytes for an array of shape {shape} but found {len(data)}")
        return np.frombuffer(data, dtype).reshape(shape, order="F" if column_major else "C")


def _scalar(dtype: _DType, data: Any) -> int | float | str | bytes:
    dtype, data = dtype.numpy(_NUMBER_OR_NAME), _bytes(data)
    if len(data) != dtype.itemsize:
        raise DataError(f"expected {dtype.itemsize} bytes for a number or name in a key but found {len(data)}")
    return np.frombuffer(data, dtype).item()


def _encode(text: str, encoding: Any) -> bytes:
    # How Python 3 writes bytes into protocols that know text alone. Other codecs may be anybody's code.
    if _text(encoding) not in ("latin1", "latin-1"):
        raise _RefusedError(f"_codecs.encode to {encoding!r}")
    return codecs.latin_1_encode(text)[0]


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
}
for _core in ("numpy.core", "numpy._core"):
    _STAND_INS[(f"{_core}.multiarray", "_reconstruct")] = _Array
    _STAND_INS[(f"{_core}.multiarray", "scalar")] = _scalar
    _STAND_INS[(f"{_core}.numeric", "_frombuffer")] = _Array.of_buffer


class _Named:
    """What a pickle gets for a name: it can be called, and nothing can be set on it."""

    __slots__ = ("_stand_in",)

    def __init__(self, stand_in: Any):
        self._stand_in = stand_in

    def __call__(self, *arguments: Any) -> Any:
        return self._stand_in(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise _RefusedError("an attribute of a function")


class _ArrayUnpickler(pickle.Unpickler):
    """Resolves the names of `_STAND_INS` and no other."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise _RefusedError(f"{module}.{name}")
        return _Named(_STAND_INS[(module, name)])

    def persistent_load(self, identifier: Any) -> Any:
        raise _RefusedError(f"the outside object {identifier!r}")


class _RefusedError(Exception):
    """A pickle asks for something that is no array."""


def read_rml_pickle(path: str | Path) -> Cells:
    """Read a RadioML pickle: 2016.10A, 2016.10B, RML22 or a generated one, of any pickle protocol.

    Nothing in the file is executed. The whole of it is in memory afterwards (10A: 225 MB, 10B: 1.2 GB).

    Args:
        path: the pickle, or the tar archive in which it is published.

    Returns:
        {(modulation, SNR in dB): float32 ``[frames, 2, L]``}, I in row 0 and Q in row 1, in the order of the file.

    Raises:
        DataError: if the file is missing or cut short, holds anything but such arrays, or frames of another shape or
            with NaN or infinite samples.
    """
    path = Path(path)
    with _opened(path) as file:
        try:
            # Byte strings of Python 2 stay bytes: sample data need no decoding, names are decoded below.
            content = _ArrayUnpickler(file, encoding="bytes").load()
        except _RefusedError as error:
            raise DataError(
                f"expected a pickle of NumPy arrays alone but {path} asks for {error}; nothing was executed. "
                "Do not load this file; get the set from its publisher"
            ) from error
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
        except Exception as error:  # damaged bytes make the unpickler raise nearly anything
            reason = str(error) or type(error).__name__
            raise DataError(
                f"expected a RadioML pickle but {path} cannot be read to its end ({reason}); copy it again, or "
                "name the file that has the frames"
            ) from error
    return _checked(content, path)


def check_there(path: Path) -> None:
    """See that there is a file.

    Raises:
        DataError: that names the place, and files there that are called nearly so.
    """
    if not path.is_file():
        beside = [other.name for other in path.parent.glob("*")] if path.parent.is_dir() else []
        raise DataError(
            f"expected a RadioML pickle at {path.absolute()} but found none{did_you_mean(path.name, beside)}; correct "
            "data_root or ann_file"
        )


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The pickle at ``path``, or the one inside the archive at ``path``."""
    check_there(path)
    if not path.name.endswith(ARCHIVES):
        with path.open("rb") as file:
            yield file
        return
    try:
        archive = tarfile.open(path)  # noqa: SIM115 - closed below
        files = [member for member in archive if member.isfile()]
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"expected a tar archive but {path} cannot be read ({error}); copy it again") from error
    with archive:
        names = [member for member in files if member.name.endswith((".pkl", ".dat", ".pickle"))]
        if len(names) != 1:
            listed = ", ".join(member.name for member in names) or "none"
            raise DataError(f"expected one pickle (.pkl or .dat) in {path} but found {listed}; unpack it and name one")
        with archive.extractfile(names[0]) as file:
            yield file


def _checked(content: Any, path: Path) -> Cells:
    if not isinstance(content, dict) or not content:
        raise DataError(f"expected a dict from (modulation, SNR) to frames in {path} but found {_kind(content)}")
    cells: Cells = {}
    for key, value in content.items():
        name = _key(key, path)
        if name in cells:
            raise DataError(f"expected frames of {name} once in {path} but found them under two kinds of its name")
        if not isinstance(value, _Array):
            raise DataError(f"expected an array of frames for {name} in {path} but found {_kind(value)}")
        try:
            frames = value.numpy()
        except DataError as error:
            raise DataError(f"{path}, {name}: {error}") from error
        cells[name] = check_frames(frames, f"{name} of {path}")
    lengths = {frames.shape[2] for frames in cells.values()}
    if len(lengths) > 1:
        raise DataError(f"expected frames of one length in {path} but found lengths {sorted(lengths)}")
    return cells


def _key(key: Any, path: Path) -> tuple[str, int]:
    if isinstance(key, tuple) and len(key) == 2:
        mod, snr = key
        is_whole = isinstance(snr, int) or (isinstance(snr, float) and snr.is_integer())
        if isinstance(mod, (str, bytes)) and is_whole and not isinstance(snr, bool):
            if abs(snr) > MOST_DB:
                raise DataError(f"expected SNRs within {MOST_DB} dB in {path} but found {snr:g}")
            return _text(mod), int(snr)
    shown = tuple(map(_kind, key)) if isinstance(key, tuple) else _kind(key)
    raise DataError(f"expected keys (modulation, SNR in whole dB) in {path} but found {shown}")


def _kind(value: Any) -> str:
    if isinstance(value, (str, bytes, int, float)):
        return repr(value)[:80]
    return {"_Array": "an array", "_DType": "a dtype"}.get(type(value).__name__, f"a {type(value).__name__}")


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin1")
    if isinstance(value, str):
        return value
    raise DataError(f"expected a name but found {type(value).__name__}")


def _bytes(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode("latin1")
    raise DataError(f"expected the bytes of an array but found {type(value).__name__}")
