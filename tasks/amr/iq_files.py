"""Recordings of IQ samples: raw, SigMF, WAV and NumPy files, and streams. Read block by block, never whole."""

from __future__ import annotations

import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from scipy.io import wavfile

from common.errors import ConfigError, DataError, did_you_mean
from common.frame_checks import all_finite
from tasks.amr.sigmf import META_SUFFIX, SigmfRecording, meta_path, read_sigmf

STREAM = "-"
BLOCK = 1 << 20  # samples; 8 MB as complex64
# Samples per second (ours); times and frequencies of others are no numbers that anyone could read.
SLOWEST, FASTEST = 1e-3, 1e12


@dataclass(frozen=True)
class SampleFormat:
    """How one component, I or Q, of a sample is stored; they follow each other, I first.

    Attributes:
        stored: its NumPy type.
        zero: stored value of amplitude 0.
        scale: stored units in amplitude 1.
    """

    stored: str
    zero: float = 0.0
    scale: float = 1.0

    @property
    def bytes_per_sample(self) -> int:
        """Bytes of I and Q together."""
        return 2 * np.dtype(self.stored).itemsize

    def decode(self, components: np.ndarray) -> np.ndarray:
        """Samples, complex64 ``[n]``, of stored ``components`` ``[2 n]`` or ``[n, 2]``."""
        values = np.array(components, np.float32, order="C").reshape(-1)
        if self.zero:
            values -= np.float32(self.zero)
        if self.scale != 1:
            values *= np.float32(1 / self.scale)
        return values.view(np.complex64)


# SigMF's names. Unsigned bytes have no code for zero: the middle lies between 127 and 128.
FORMATS = {
    "cf32_le": SampleFormat("<f4"),
    "cf32_be": SampleFormat(">f4"),
    "ci16_le": SampleFormat("<i2", scale=32768),
    "ci16_be": SampleFormat(">i2", scale=32768),
    "ci8": SampleFormat("i1", scale=128),
    "cu8": SampleFormat("u1", zero=127.5, scale=127.5),
}
ALIASES = {"cf32": "cf32_le", "ci16": "ci16_le", "cs16": "ci16_le", "cs8": "ci8"}
RAW_SUFFIXES = {".cf32": "cf32_le", ".cfile": "cf32_le", ".cs16": "ci16_le", ".cs8": "ci8", ".cu8": "cu8"}
WAV_FORMATS = {
    "uint8": SampleFormat("u1", zero=128, scale=128),
    "int16": SampleFormat("<i2", scale=32768),
    "int32": SampleFormat("<i4", scale=2**31),
    "float32": SampleFormat("<f4"),
    "float64": SampleFormat("<f8"),
}


@dataclass
class Recording:
    """IQ samples that can be read once, from the first to the last.

    Attributes:
        source: where they come from, for messages.
        name: for files about it.
        sample_rate: samples per second.
        samples: how many there are; None for a stream.
        read: blocks of at most so many samples.
        sigmf: its description, where it has one.
        own_rate: samples per second that the file itself tells, if it does.
        notes: what a user should know, found while reading.
        taken: samples read so far.
    """

    source: str
    name: str
    sample_rate: float
    samples: int | None
    read: Callable[[int], Iterator[np.ndarray]]
    sigmf: SigmfRecording | None = None
    own_rate: float | None = None
    notes: list[str] = field(default_factory=list)
    taken: int = 0

    def blocks(self, size: int = BLOCK) -> Iterator[np.ndarray]:
        """The samples in order, complex64 ``[n]`` with n from 1 to ``size``.

        Raises:
            DataError: if one of them is not finite, or the file has become shorter since it was opened.
        """
        for block in self.read(size):
            if not all_finite(block.view(np.float32)):
                bad = int(np.flatnonzero(~np.isfinite(block))[0])
                raise DataError(
                    f"expected finite samples but found {block[bad]} at sample {self.taken + bad} of {self.source}; "
                    "record it again, or name its type with --datatype if it is another"
                )
            self.taken += len(block)
            yield block


def open_recording(
    source: str | Path,
    datatype: str | None = None,
    sample_rate: float | None = None,
    stream: IO[bytes] | None = None,
) -> Recording:
    """Open a file of IQ samples by its suffix, or the standard input.

    =============================  =====================================================================
    source                         what it holds
    =============================  =====================================================================
    NAME.sigmf-meta (-data)        a SigMF recording of any type in `FORMATS`
    .cf32 .cfile .cs16 .cs8 .cu8   interleaved I and Q; with ``datatype`` any other suffix too
    .wav                           two channels, I and Q
    .npy                           complex ``(N,)``, or floating-point ``(2, N)`` or ``(N, 2)`` as I and Q
    ``-``                          interleaved I and Q from standard input, of ``datatype``
    =============================  =====================================================================

    Args:
        source: one of the above.
        datatype: name of a format, for interleaved samples without a suffix that tells it.
        sample_rate: in samples per second; takes the place of the one that SigMF and WAV files give, which is noted.
        stream: read in place of standard input.

    Raises:
        ConfigError: if the type or sample rate is not known, or ``datatype`` is given for a file that tells its own.
        DataError: if the file is missing, empty, cut short or has another content than its name says, or a sample rate
            out of bounds.
    """
    if sample_rate is not None and not SLOWEST <= sample_rate <= FASTEST:
        raise ConfigError(f"expected --sample-rate from {SLOWEST:g} to {FASTEST:g} but found {sample_rate:g}")
    format_name = None if datatype is None else known_format(datatype)
    if str(source) == STREAM:
        return _open_stream(stream or sys.stdin.buffer, format_name, sample_rate)
    path = Path(source)
    if not path.is_file():
        there = "a folder" if path.is_dir() else "nothing"
        raise DataError(f"expected a file of IQ samples but found {there} at {path}; check the path")
    suffix = path.suffix.lower()
    opened = {".wav": _open_wav, ".npy": _open_npy}.get(suffix)
    if meta_path(path) is not None:
        opened = _open_sigmf
    if opened is None:
        return _open_raw(path, format_name or RAW_SUFFIXES.get(suffix), sample_rate)
    if format_name is not None:
        raise ConfigError(f"expected no datatype for {path}, which tells its own, but found {datatype!r}; leave it out")
    recording = opened(path, sample_rate)
    if recording.own_rate not in (None, recording.sample_rate):
        recording.notes.append(
            f"--sample-rate {sample_rate:,.10g} goes before the {recording.own_rate:,.10g} samples/s that {path} tells"
        )
    return recording


def known_format(name: str) -> str:
    """SigMF's name of a format, of that or another usual name.

    Raises:
        ConfigError: for another name.
    """
    found = ALIASES.get(name, name)
    if found not in FORMATS:
        known = [*FORMATS, *ALIASES]
        raise ConfigError(f"expected a datatype {', '.join(known)} but found {name!r}{did_you_mean(name, known)}")
    return found


def _rate_of(source: str, given: float | None, own: float | None = None) -> float:
    """Samples per second, of which those that are ``given`` go before the source's ``own``."""
    if given is not None:
        return float(given)
    if own is None:
        raise ConfigError(f"expected the sample rate of {source} but found none; give it with --sample-rate HZ")
    if not SLOWEST <= own <= FASTEST:
        raise DataError(
            f"expected a sample rate from {SLOWEST:g} to {FASTEST:g} but found {own:g} in {source}; give the right one "
            "with --sample-rate HZ"
        )
    return float(own)


def _open_raw(path: Path, format_name: str | None, sample_rate: float | None) -> Recording:
    if path.suffix.lower() == ".sigmf":
        raise DataError(f"expected a .sigmf-meta file but found the archive {path}; unpack it (tar -xf)")
    if format_name is None:
        known = ", ".join([META_SUFFIX, ".wav", ".npy", *RAW_SUFFIXES])
        raise ConfigError(
            f"expected IQ samples ({known}) but found {path.name}, of an unknown type; name it with --datatype, such "
            "as cf32_le or cu8"
        )
    return _interleaved(path, FORMATS[format_name], path.stem, _rate_of(str(path), sample_rate))


def _interleaved(
    path: Path, layout: SampleFormat, name: str, sample_rate: float, sigmf: SigmfRecording | None = None
) -> Recording:
    size = path.stat().st_size
    if size == 0:
        raise DataError(f"expected IQ samples but found an empty file at {path}; record it again")
    samples, rest = divmod(size, layout.bytes_per_sample)
    if rest:
        raise DataError(
            f"expected samples of {layout.bytes_per_sample} bytes but found {size} bytes in {path}, {rest} more than "
            f"{samples} samples; it is cut short or of another datatype"
        )

    def read(most: int) -> Iterator[np.ndarray]:
        left = samples
        with path.open("rb") as file:
            while left:
                components = np.fromfile(file, layout.stored, 2 * min(most, left))
                if len(components) < 2 * min(most, left):
                    raise _became_shorter(path, samples)
                left -= len(components) // 2
                yield layout.decode(components)

    return Recording(str(path), name, sample_rate, samples, read, sigmf, sigmf and sigmf.sample_rate)


def _became_shorter(path: Path, samples: int) -> DataError:
    return DataError(f"expected {samples} samples in {path} but found fewer while reading; is it still being written?")


def _open_sigmf(path: Path, sample_rate: float | None) -> Recording:
    sigmf = read_sigmf(path, FORMATS)
    rate = _rate_of(f"{sigmf.path} (core:sample_rate)", sample_rate, sigmf.sample_rate)
    return _interleaved(sigmf.data, FORMATS[sigmf.datatype], sigmf.path.stem, rate, sigmf)


def _open_stream(stream: IO[bytes], format_name: str | None, sample_rate: float | None) -> Recording:
    if format_name is None:
        raise ConfigError("expected the type of the samples from standard input; name it with --datatype, such as cu8")
    sample_rate = _rate_of("standard input", sample_rate)
    layout = FORMATS[format_name]

    def read(most: int) -> Iterator[np.ndarray]:
        rest = b""
        with _Interruptible(stream) as source:
            while content := source.read(most * layout.bytes_per_sample - len(rest)):
                content = rest + content
                whole = len(content) // layout.bytes_per_sample * layout.bytes_per_sample
                rest = content[whole:]
                if whole:
                    yield layout.decode(np.frombuffer(content[:whole], layout.stored))
        if rest:
            # Whoever stops a receiver cuts its last sample; what came before is sound.
            recording.notes.append(f"standard input ended within a sample: {len(rest)} bytes were left out")

    recording = Recording("standard input", "stdin", sample_rate, None, read)
    return recording


class _Interruptible:
    """A stream that ends at Ctrl-C, so that what was read is still worked on; a second Ctrl-C stops that too."""

    def __init__(self, stream: IO[bytes]):
        self._stream = stream
        self._is_waiting = self._has_ended = False

    def __enter__(self) -> _Interruptible:
        self._may_listen = threading.current_thread() is threading.main_thread()
        if self._may_listen:
            self._before = signal.signal(signal.SIGINT, self._end)
        return self

    def __exit__(self, *_: object) -> None:
        if self._may_listen:
            signal.signal(signal.SIGINT, self._before)

    def _end(self, *_: object) -> None:
        had_ended, self._has_ended = self._has_ended, True
        if self._is_waiting or had_ended:
            raise KeyboardInterrupt

    def read(self, most: int) -> bytes:
        """What is there, without waiting for more; nothing at the end."""
        if self._has_ended:
            return b""
        self._is_waiting = True
        try:
            return self._stream.read1(most)
        except KeyboardInterrupt:
            return b""
        finally:
            self._is_waiting = False


def _open_wav(path: Path, sample_rate: float | None) -> Recording:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks of other programs
            own_rate, samples = wavfile.read(path, mmap=True)
    except Exception as error:  # scipy raises what the damage happens to lead to
        raise DataError(
            f"expected a WAV file of 8, 16 or 32-bit integers or floating point but {path} cannot be read: {error}"
        ) from error
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    if channels != 2:
        raise DataError(f"expected two channels, I and Q, but found {channels} in {path}; IQ can't be had from it")
    layout = WAV_FORMATS.get(samples.dtype.newbyteorder("=").name)
    if layout is None:
        raise DataError(f"expected samples of {', '.join(WAV_FORMATS)} but found {samples.dtype} in {path}")
    dtype, offset, shape = samples.dtype, samples.offset, samples.shape

    def rows(start: int, stop: int) -> np.ndarray:
        return layout.decode(np.memmap(path, dtype, "r", offset, shape)[start:stop])

    rate = _rate_of(str(path), sample_rate, own_rate)
    return Recording(str(path), path.stem, rate, len(samples), _mapped(rows, len(samples)), own_rate=float(own_rate))


def _open_npy(path: Path, sample_rate: float | None) -> Recording:
    def opened() -> np.ndarray:
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise DataError(f"expected a NumPy array of samples but {path} cannot be read: {error}") from error

    samples = opened()
    shape, kind = samples.shape, samples.dtype.kind
    is_complex = kind == "c" and samples.ndim == 1
    rows_are_iq = samples.ndim == 2 and shape[0] == 2
    if not (is_complex or (kind == "f" and (rows_are_iq or (samples.ndim == 2 and shape[1] == 2)))):
        raise DataError(
            f"expected complex samples (N,), or floating-point (2, N) or (N, 2) as I and Q, but found {samples.dtype} "
            f"of shape {shape} in {path}"
        )
    count = shape[1] if rows_are_iq else shape[0]
    if count == 0:
        raise DataError(f"expected IQ samples but found an empty array in {path}; record it again")

    def rows(start: int, stop: int) -> np.ndarray:
        array = opened()
        if is_complex:
            return np.array(array[start:stop], np.complex64)
        return SampleFormat("f4").decode(array[:, start:stop].T if rows_are_iq else array[start:stop])

    return Recording(str(path), path.stem, _rate_of(str(path), sample_rate), count, _mapped(rows, count))


def _mapped(rows: Callable[[int, int], np.ndarray], count: int) -> Callable[[int], Iterator[np.ndarray]]:
    """Blocks of a file that ``rows`` maps anew each time: what was read does not stay in this process's memory."""

    def read(most: int) -> Iterator[np.ndarray]:
        for start in range(0, count, most):
            yield rows(start, min(start + most, count))

    return read
