"""SigMF recordings: what their metadata say, and annotations written back.

The Signal Metadata Format, version 1: a file of samples NAME.sigmf-data, described in JSON by NAME.sigmf-meta with
``global`` facts, ``captures`` (where the receiver was tuned to what) and ``annotations`` (what is in the signal).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from common.errors import DataError, did_you_mean

META_SUFFIX = ".sigmf-meta"
DATA_SUFFIX = ".sigmf-data"
# Samples of which are not laid out as SigMF's own are.
_FOREIGN_LAYOUT = ("core:dataset", "core:trailing_bytes")


@dataclass(frozen=True)
class SigmfRecording:
    """What is needed of a recording's metadata.

    Attributes:
        path: the metadata file.
        data: the file of samples.
        content: all of the metadata, as it was read.
        datatype: of the samples, such as 'cf32_le'.
        sample_rate: samples per second, or None.
        offset: number of the first sample in the file; all sample numbers in the metadata count from there.
    """

    path: Path
    data: Path
    content: dict[str, Any]
    datatype: str
    sample_rate: float | None
    offset: int

    def frequency(self, sample: int) -> float | None:
        """Frequency in Hz to which the receiver was tuned at ``sample`` (with the offset), or None."""
        tuned = None
        for capture in self.content["captures"]:
            if capture.get("core:sample_start", 0) <= sample:
                tuned = capture.get("core:frequency")
        return tuned

    def content_at(self, sample_rate: float) -> dict[str, Any]:
        """The metadata, with ``sample_rate`` in place of another."""
        if sample_rate == self.sample_rate:
            return self.content
        return {**self.content, "global": {**self.content["global"], "core:sample_rate": sample_rate}}


def meta_path(path: Path) -> Path | None:
    """The metadata file of a recording of which ``path`` is either file, or None for other files."""
    if path.name.endswith(META_SUFFIX):
        return path
    return path.with_suffix(META_SUFFIX) if path.name.endswith(DATA_SUFFIX) else None


def read_sigmf(path: Path, datatypes: Collection[str]) -> SigmfRecording:
    """Read the metadata of a recording, given by either of its files.

    Args:
        path: NAME.sigmf-meta or NAME.sigmf-data.
        datatypes: those that can be read.

    Raises:
        DataError: if a file is missing, the metadata are damaged, or the samples can't be read: another type or none,
            several channels, headers within them; or if a number that is needed is none.
    """
    meta = meta_path(path)
    data = meta.with_suffix(DATA_SUFFIX)
    content = _read_json(meta)
    facts = content["global"]
    if facts.get("core:metadata_only"):
        raise DataError(f"expected samples beside {meta} but it says that it has none (core:metadata_only)")
    _refuse_foreign_layout(facts, content["captures"], meta)
    datatype = facts.get("core:datatype")
    if not isinstance(datatype, str) or datatype not in datatypes:
        hint = did_you_mean(str(datatype), datatypes)
        raise DataError(
            f"expected core:datatype {', '.join(datatypes)} but found {datatype!r} in {meta}{hint or '; convert it'}"
        )
    if not data.is_file():
        raise DataError(f"expected the samples of {meta} at {data} but found no file; put them there")
    rate = facts.get("core:sample_rate")
    if rate is not None and not (_is_number(rate) and rate > 0):
        raise DataError(f"expected a positive core:sample_rate but found {rate!r} in {meta}; correct it")
    return SigmfRecording(meta, data, content, datatype, rate, int(facts.get("core:offset", 0)))


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(f"expected the metadata of the recording at {path} but found no file; put it there")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected SigMF metadata but {path} is not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("global"), dict):
        raise DataError(f"expected SigMF metadata with an object 'global' but found none in {path}")
    for part in ("captures", "annotations"):
        entries = content.setdefault(part, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DataError(f"expected a list of objects as {part!r} but found something else in {path}")
        for number, entry in enumerate(entries):
            _check_number(entry, "core:sample_start", _is_count, f"{part}[{number}] of {path}")
            if part == "captures":
                _check_number(entry, "core:frequency", _is_number, f"{part}[{number}] of {path}")
    _check_number(content["global"], "core:offset", _is_count, f"global of {path}")
    return content


def _check_number(entry: dict[str, Any], key: str, is_right: Callable[[Any], bool], where: str) -> None:
    if key in entry and not is_right(entry[key]):
        kind = "a whole number of samples, 0 or more," if is_right is _is_count else "a number"
        raise DataError(f"expected {kind} as {key} but found {entry[key]!r} in {where}; correct it, or leave it out")


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_number(value: Any) -> bool:
    """Whether it is a finite number; JSON as Python reads it has NaN, infinities and integers beyond all floats too."""
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _refuse_foreign_layout(facts: dict[str, Any], captures: list[dict[str, Any]], path: Path) -> None:
    channels = facts.get("core:num_channels", 1)
    if channels != 1:
        raise DataError(f"expected a recording of one channel but found core:num_channels {channels!r} in {path}")
    found = [key for key in _FOREIGN_LAYOUT if facts.get(key)]
    found += ["core:header_bytes" for capture in captures if capture.get("core:header_bytes")]
    if found:
        raise DataError(
            f"expected samples in SigMF's own layout but found {found[0]} in {path}; convert them to {DATA_SUFFIX}, or "
            "name the file of samples itself with --datatype"
        )


class AnnotationWriter:
    """Writes metadata anew with annotations added, in order of their first samples; those that were there are kept.

    Annotations of the same ``generator`` are replaced: a second run does not double its own. Nothing but the
    annotations that were there before is held in memory.

    Args:
        file: text, for writing.
        content: metadata as `SigmfRecording` has them.
        generator: name of what makes the new annotations.
    """

    def __init__(self, file: IO[str], content: dict[str, Any], generator: str):
        self._file, self._generator = file, generator
        kept = [entry for entry in content["annotations"] if entry.get("core:generator") != generator]
        self._kept = sorted(kept, key=lambda entry: entry.get("core:sample_start", 0), reverse=True)
        self._is_first = True
        head = json.dumps(
            {key: value for key, value in content.items() if key != "annotations"}, indent=4, ensure_ascii=False
        )
        file.write(head.removesuffix("\n}") + ',\n    "annotations": [')

    def add(self, annotation: dict[str, Any]) -> None:
        """Add one; ``core:sample_start`` must not fall below that of the one before."""
        while self._kept and self._kept[-1].get("core:sample_start", 0) <= annotation["core:sample_start"]:
            self._write(self._kept.pop())
        self._write({**annotation, "core:generator": self._generator})

    def close(self) -> None:
        """Write what is left."""
        while self._kept:
            self._write(self._kept.pop())
        self._file.write("]\n}\n" if self._is_first else "\n    ]\n}\n")

    def _write(self, annotation: dict[str, Any]) -> None:
        text = json.dumps(annotation, indent=4, ensure_ascii=False).replace("\n", "\n        ")
        self._file.write(("" if self._is_first else ",") + "\n        " + text)
        self._is_first = False
