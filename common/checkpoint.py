"""Reading, checking and writing checkpoints."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from common.atomic import atomic_write
from common.errors import CheckpointError, did_you_mean

# How torch's restricted unpickler refuses an object, as against a file that it cannot read.
_REFUSED = re.compile("Unsupported global|Unsupported attribute|Trying to|Can only|must be imported")
_PREFIXES = ("module.", "student.", "architecture.", "model.")


def read_checkpoint(path: str | Path, trust: bool = False) -> dict[str, Any]:
    """Load a checkpoint file, or one at a URL, onto the CPU.

    Args:
        path: a file, or an http(s) URL: fetched once into torch's hub cache, and checked against the hash in its
            name where the name ends in ``-<8 or more hex digits>.pth``.
        trust: also unpickle arbitrary objects, which can run code of whoever made the file.

    Raises:
        CheckpointError: if it is missing, damaged, or holds objects that need ``trust``.
    """
    path = local_path(path)
    if not path.is_file():
        raise CheckpointError(f"expected a checkpoint at {path} but found none{others_beside(path)}")
    try:
        if trust:
            loaded = torch.load(path, map_location="cpu", weights_only=False)
        else:
            with torch.serialization.safe_globals(_engine_classes()):
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not _REFUSED.search(str(error)):
            raise _damaged(path, error) from error
        raise CheckpointError(
            f"{path} holds more than tensors and plain values, and loading it could run code; "
            f"if you trust who made it, say so (--trust-checkpoint on the command line, trust=True in Python)"
        ) from error
    except Exception as error:  # a damaged pickle can fail in any way
        raise _damaged(path, error) from error
    if not isinstance(loaded, Mapping):
        raise CheckpointError(f"expected a dict of tensors in {path} but found {type(loaded).__name__}")
    return dict(loaded)


def others_beside(path: str | Path, most: int = 4) -> str:
    """``"; beside it are iter_8000.pth, iter_4000.pth"``: those in the folder of a missing checkpoint, newest first."""
    found = [file for file in Path(path).parent.glob("*.pth") if file.is_file()]
    found.sort(key=lambda file: file.stat().st_mtime_ns, reverse=True)
    more = [f"{len(found) - most} more"] if len(found) > most else []
    return f"; beside it are {', '.join([*(file.name for file in found[:most]), *more])}" if found else ""


def _damaged(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"expected a checkpoint but found a damaged or foreign file at {path} ({type(error).__name__}); "
        f"fetch or train it anew"
    )


def _engine_classes() -> list:
    """What the engine's own checkpoints hold beside tensors: log histories and NumPy values.

    Histories pickle their statistics as ``getattr(HistoryBuffer, name)``; the engine's list therefore admits all
    of ``getattr``, which would let a file reach anything. Here it reaches that class alone.
    """
    from mmengine.logging import HistoryBuffer
    from mmengine.runner.checkpoint import get_torch_safe_globals

    def history_attribute(owner: type, name: str) -> Any:
        if owner is not HistoryBuffer or name.startswith("_"):
            raise pickle.UnpicklingError(f"Unsupported attribute {name!r} of {owner!r}")
        return getattr(owner, name)

    admitted = [item for item in get_torch_safe_globals() if item is not getattr]
    return [*admitted, (history_attribute, "builtins.getattr")]


def local_path(path: str | Path) -> Path:
    """The file itself: a URL is fetched once into torch's hub cache.

    Raises:
        CheckpointError: if it cannot be fetched.
    """
    return _fetch(str(path)) if str(path).startswith(("http://", "https://")) else Path(path)


def _fetch(url: str) -> Path:
    name = url.rsplit("/", 1)[-1]
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    expected = re.search(r"-([0-9a-f]{8,})\.\w+$", name)
    if not (folder / name).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(folder / name), expected and expected[1])
        except (OSError, RuntimeError) as error:
            raise CheckpointError(
                f"cannot fetch {url}: {error}; download it elsewhere and give the file's path instead"
            ) from error
    if expected and not file_sha256(folder / name).startswith(expected[1]):
        raise CheckpointError(
            f"expected a file whose SHA-256 starts with {expected[1]} but found another at {folder / name}; "
            f"delete it, and it is fetched anew"
        )
    return folder / name


def state_dict_of(checkpoint: Mapping[str, Any], keys: Iterable[str] = ()) -> dict[str, Tensor]:
    """The weights in a checkpoint, under the keys of the bare model.

    Takes them from ``state_dict``, ``model`` or the top level, and strips a prefix that every key shares
    (``module.``, ``student.``, ``architecture.``, ``model.``).

    Args:
        checkpoint: what a file holds.
        keys: the model's own keys, where known: a prefix that these have too stays.
    """
    keys = set(keys)
    state = checkpoint
    for key in ("state_dict", "model"):
        if isinstance(checkpoint.get(key), Mapping):
            state = checkpoint[key]
            break
    state = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    for prefix in _PREFIXES:
        if state and not keys & set(state) and all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def load_strictly(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load weights so that every parameter and buffer of the model is covered.

    Args:
        model: the network to fill.
        state: its weights; see `state_dict_of`.
        source: where they come from, for messages.

    Raises:
        CheckpointError: for missing, unexpected or differently shaped keys, with the nearest names.
    """
    own = model.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    shaped = [key for key in own if key in state and own[key].shape != state[key].shape]
    if missing or unexpected or shaped:
        raise CheckpointError(_explain(model, own, state, source, missing, unexpected, shaped))
    model.load_state_dict(state, strict=False)


def _explain(model, own, state, source, missing, unexpected, shaped) -> str:
    loaded = len(own) - len(missing) - len(shaped)
    lines = [f"{source} does not fit {type(model).__name__}: {loaded} of {len(own)} keys can be loaded"]
    outputs = [key for key in shaped if own[key].shape[1:] == state[key].shape[1:]]
    if outputs and len(outputs) == len(shaped) and not missing and not unexpected:
        key = outputs[0]
        lines.append(
            f"expected {own[key].shape[0]} outputs but found {state[key].shape[0]} (at {key}); set what they follow "
            f"from in the config (num_classes, num_points) to the checkpoint's, or train a checkpoint for as many"
        )
        return "; ".join(lines)
    for key in shaped[:3]:
        lines.append(f"{key}: expected shape {tuple(own[key].shape)} but found {tuple(state[key].shape)}")
    for key in missing[:3]:
        lines.append(f"missing {key!r}{did_you_mean(key, unexpected, 1)}")
    for key in unexpected[:3] if not missing else []:
        lines.append(f"unexpected {key!r}")
    more = len(missing) + len(unexpected) + len(shaped)
    lines.append(f"{more} keys differ in all; the checkpoint is of another architecture, or the config is not its own")
    return "; ".join(lines)


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, or of what a URL names."""
    digest = hashlib.sha256()
    with open(local_path(path), "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def save_atomically(value: Any, path: str | Path) -> None:
    """``torch.save`` to a temporary name in the same folder, then rename: a reader never sees half a file."""
    with atomic_write(path) as file:
        torch.save(value, file)
