"""Where a result comes from, told without telling where somebody's folders are."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def portable_path(path: str | Path) -> str:
    """A path as it may stand in a stored result: relative to the project where it lies in or beside it.

    Elsewhere only its last part is kept, so that no result tells where somebody's folders are.
    """
    absolute = Path(path).expanduser().absolute()
    if absolute.is_relative_to(PROJECT_ROOT.parent):
        return Path(os.path.relpath(absolute, PROJECT_ROOT)).as_posix()
    return f"…/{absolute.name}"


def provenance() -> dict[str, object]:
    """Where a result comes from.

    Returns:
        ``commit`` and ``dirty`` (whether a tracked file outside of ``results`` was changed; both None where git can't
        tell), ``versions``, ``hardware``, ``command`` and
        ``date`` (UTC).
    """
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": _is_dirty(),
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in ("torch", "mmengine", "mmcv", "mmseg", "mmdet")},
        },
        "hardware": {"cpu": _cpu_model(), "cores": os.cpu_count(), "gpu": _gpu_name()},
        "command": shlex.join(_portable_argument(argument) for argument in sys.argv),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def commit() -> str:
    """The commit of this project's checkout, with ``-dirty`` as in `provenance`; empty outside of one."""
    return f"{_git('rev-parse', 'HEAD') or ''}{'-dirty' if _is_dirty() else ''}"


def _is_dirty() -> bool | None:
    status = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)results")
    return None if status is None else bool(status)


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(PROJECT_ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _version(name: str) -> str | None:
    # Import name -> distributions: the forks of mmengine and its family are installed under other names.
    distributions = {
        "mmengine": "onedl-mmengine",
        "mmcv": "onedl-mmcv",
        "mmseg": "onedl-mmsegmentation",
        "mmdet": "onedl-mmdetection",
    }
    for distribution in (distributions.get(name, name), name):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(distribution)
    return None


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _gpu_name() -> str | None:
    import torch  # here, so that a table or a plot does not cost the seconds of importing torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def _portable_argument(argument: str) -> str:
    key, equals, value = argument.rpartition("=")
    return f"{key}{equals}{portable_path(value)}" if Path(value).is_absolute() else argument
