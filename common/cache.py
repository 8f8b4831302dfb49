"""Stored teacher outputs: where a sample looks the same in every epoch, its teacher is asked about it only once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from filelock import FileLock
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log
from mmengine.registry import DATASETS
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

from common.atomic import atomic_write
from common.errors import CheckpointError, ConfigError, DataError, UserError
from common.ground_truth import ground_truth
from common.sample_batch import join_samples
from common.taps import Taps
from common.teacher import EMATeacher, FrozenTeacher
from common.terms import TermSpec

BATCH = 512
# Samples whose stored outputs are held against the teacher's at every start, and how far these may lie apart as a share
# of the largest: half precision rounds to 2^-11, and devices sum in different orders.
PROBED, TOLERANCE = 32, 2e-2


class CachedTeacher(FrozenTeacher):
    """A teacher whose outputs for a whole data set are stored: asking it costs a look-up.

    Args:
        teacher: the teacher itself; only its name and fingerprint are kept.
        outputs: tap path -> ``(N, C)``, a row for each sample of the data set.
    """

    def __init__(self, teacher: FrozenTeacher, outputs: Mapping[str, Tensor]):
        super().__init__(StoredOutputs(outputs), teacher.name)
        self._fingerprint = teacher.fingerprint()

    def fingerprint(self) -> str:
        """That of the teacher itself."""
        return self._fingerprint


class StoredOutputs(nn.Module):
    """Stands in for a network: modules at the given paths, which taps can watch, give what is stored.

    Args:
        outputs: module path -> ``(N, C)``.
    """

    def __init__(self, outputs: Mapping[str, Tensor]):
        super().__init__()
        self._places = []
        for path, stored in outputs.items():
            place = self
            for step in path.split("."):
                if step not in dict(place.named_children()):
                    place.add_module(step, _Place())
                place = place.get_submodule(step)
            place.register_buffer("stored", stored, persistent=False)
            self._places.append(path)

    def forward(self, inputs: Tensor, data_samples: Any, mode: str = "tensor") -> None:
        """Look the samples up by their ``gt_index``; the inputs are not looked at.

        Raises:
            ConfigError: for inputs without samples, such as an example batch of images alone.
        """
        if data_samples is None:
            raise ConfigError("expected samples with gt_index for a teacher's stored outputs but found inputs alone")
        index = ground_truth(data_samples, "gt_index")
        for path in self._places:
            self.get_submodule(path)(index)


class _Place(nn.Module):
    def forward(self, index: Tensor) -> Tensor:
        return self.stored[index.to(self.stored.device)].float()


def cached_teacher(
    teacher: FrozenTeacher,
    settings: Mapping[str, Any],
    paths: Iterable[str],
    preprocessor: nn.Module,
    conversion: Callable[[Tensor], Tensor] | None = None,
) -> CachedTeacher:
    """A teacher's stand-in from its stored outputs, which are computed where they are not there yet.

    They are kept in half precision, in a file whose name follows from the teacher's weights and precision, the data and
    the tap. At every start a few of them are computed anew: a network that has changed otherwise is noticed.

    Args:
        teacher: the teacher.
        settings: ``folder`` of the files, and ``dataset``: the training data, or its config.
        paths: taps of the teacher that losses use.
        preprocessor: the student's data preprocessor, which makes the teacher's input.
        conversion: what is between the two, as `common.teacher_config.input_conversion` gives it.

    Raises:
        ConfigError: if a sample can look different the next time, the teacher's outputs depend on more than the sample,
            or are no vectors.
        CheckpointError: if an output is not finite.
        DataError: if a file that is there has outputs of another number of samples, or the folder cannot be written to.
    """
    if not isinstance(settings, Mapping) or set(settings) != {"folder", "dataset"}:
        raise ConfigError(
            f"teacher {teacher.name!r}: expected cache=dict(folder=…, dataset=…), or cache='FOLDER' in a config that "
            f"goes through common.config.prepare_run, but found {settings!r}"
        )
    dataset = settings["dataset"]
    dataset = DATASETS.build(dataset) if isinstance(dataset, Mapping) else dataset
    _check(teacher, dataset, preprocessor)
    ask = _Asking(teacher, preprocessor, conversion)
    files = {path: _file(Path(settings["folder"]), teacher, dataset, path) for path in paths}
    probe = Subset(dataset, np.unique(np.linspace(0, len(dataset) - 1, PROBED).astype(int)).tolist())
    _by_main_process(lambda: _store(ask, dataset, probe, files))
    return CachedTeacher(teacher, {path: _read(file) for path, file in files.items()})


def _store(ask: _Asking, dataset: Dataset, probe: Subset, files: Mapping[str, Path]) -> None:
    """Compute the outputs of which the files lack, or which have changed."""
    with _nobody_else(files.values()):
        _store_alone(ask, dataset, probe, files)


@contextmanager
def _nobody_else(files: Iterable[Path]) -> Iterator[None]:
    """Wait until no other run computes one of the files: runs of a table start together and share their teachers."""
    with ExitStack() as locks:
        for file in sorted(files):
            lock = FileLock(file.with_name(f".{file.stem}.lock"))
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                locks.enter_context(lock)
            except OSError as error:
                raise _not_written(file, error) from error
        yield


def _store_alone(ask: _Asking, dataset: Dataset, probe: Subset, files: Mapping[str, Path]) -> None:
    expected = ask(probe, list(files))
    stored = {path: _checked_count(_read(file), file, len(dataset)) for path, file in files.items()}
    lacking = [path for path in files if not _agrees(stored[path], expected[path], probe.indices)]
    if lacking:
        print_log(f"asking teacher {ask.teacher.name!r} about {len(dataset)} samples, once", "current")
        for path, outputs in ask(dataset, lacking).items():
            _write(files[path], outputs, path)


def _by_main_process(work: Callable[[], None]) -> None:
    """Do ``work`` while other processes wait; what fails is raised in them too, or they would wait in vain."""
    failure = None
    if is_main_process():
        try:
            work()
        except Exception as error:
            failure = error
    is_plain = failure is None or isinstance(failure, UserError)  # others may not bear pickling
    told = [failure if is_plain else RuntimeError(f"the main process failed: {failure!r}")]
    broadcast_object_list(told)
    if failure is not None:
        raise failure
    if told[0] is not None:
        raise told[0]


def used_paths(specs: Iterable[TermSpec], name: str, paths: Mapping[str, list[str]]) -> list[str]:
    """Module paths of the taps of the model ``name`` that losses use."""
    taps = {source.name for spec in specs for source in spec.sources.values() if source.model == name}
    return sorted({path for tap in taps for path in paths[tap]})


def _check(teacher: FrozenTeacher, dataset: Dataset, preprocessor: nn.Module) -> None:
    without = f"teacher {teacher.name!r}: leave its cache out (--cfg-options model.teachers.{teacher.name}.cache=None)"
    if isinstance(teacher, EMATeacher) or any(module.training for module in teacher.model.modules()):
        raise ConfigError(f"{without}: expected a teacher whose outputs depend on the sample alone")
    augments = [key for key in ("augment", "batch_augments") if getattr(preprocessor, key, None) is not None]
    if augments:
        raise ConfigError(f"{without}: expected data without random views but found {augments[0]} in the preprocessor")
    if not getattr(dataset, "deterministic", False) or not hasattr(dataset, "fingerprint"):
        raise ConfigError(
            f"{without}: expected a data set that says that its samples never change (deterministic = True) and what "
            f"they are (fingerprint) but found {type(dataset).__name__}"
        )


class _Asking:
    """Asks a teacher about all samples of a data set, on a GPU where there is one."""

    def __init__(self, teacher: FrozenTeacher, preprocessor: nn.Module, conversion: Callable | None):
        self.teacher, self.preprocessor, self.conversion = teacher, preprocessor, conversion
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def __call__(self, dataset: Dataset, paths: list[str]) -> dict[str, Tensor]:
        """Tap path -> half-precision outputs ``(N, C)``, on the CPU."""
        outputs: dict[str, Tensor] = {}
        home = next((p.device for p in self.teacher.model.parameters()), torch.device("cpu"))
        taps = Taps(self.teacher.model, {str(i): path for i, path in enumerate(paths)}, self.teacher.name)
        start = 0
        try:
            self.teacher._apply(lambda tensor: tensor.to(self.device))
            for items in DataLoader(dataset, BATCH, collate_fn=join_samples):
                data = self.preprocessor(items, False)
                inputs = data["inputs"] if self.conversion is None else self.conversion(data["inputs"])
                with taps.capture() as captured:
                    self.teacher(inputs.to(self.device), None, mode="tensor")
                for number, path in enumerate(paths):
                    rows = self._rows(captured[str(number)], items["data_samples"], path)
                    if path not in outputs:
                        outputs[path] = torch.empty(len(dataset), rows.shape[1], dtype=torch.float16)
                    outputs[path][start : start + len(rows)] = rows
                start += len(inputs)
        finally:
            taps.close()
            self.teacher._apply(lambda tensor: tensor.to(home))
        return outputs

    def _rows(self, found: Any, samples: Any, path: str) -> Tensor:
        if not isinstance(found, Tensor) or found.dim() != 2 or len(found) != len(samples):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ConfigError(
                f"teacher {self.teacher.name!r}: expected a vector for each sample to store at tap path {path!r} but "
                f"found {shape}; leave its cache out (--cfg-options model.teachers.{self.teacher.name}.cache=None)"
            )
        bad = (~found.isfinite().all(dim=1)).nonzero().flatten().tolist()
        if bad:
            sample = int(ground_truth(samples, "gt_index")[bad[0]])
            half = "" if self.teacher.dtype is None else f", or its dtype {self.teacher.dtype} is too narrow"
            raise CheckpointError(
                f"teacher {self.teacher.name!r}: expected finite outputs at tap path {path!r} but found NaN or "
                f"infinity for sample {sample} of the data; its training diverged{half}: name another checkpoint"
            )
        largest = torch.finfo(torch.float16).max
        return found.float().clamp(-largest, largest)


def _file(folder: Path, teacher: FrozenTeacher, dataset: Dataset, path: str) -> Path:
    told = "\n".join([teacher.fingerprint(), str(teacher.dtype), dataset.fingerprint, path])
    return folder / f"teacher_outputs_{hashlib.sha256(told.encode()).hexdigest()[:20]}.h5"


def _read(file: Path) -> Tensor | None:
    """Stored outputs ``(N, C)``; None where there is no such file, or a damaged one."""
    try:
        with h5py.File(file) as stored:
            outputs = torch.from_numpy(stored["outputs"][:])
    except (OSError, KeyError):
        return None
    return outputs if outputs.dim() == 2 and outputs.isfinite().all() else None


def _checked_count(stored: Tensor | None, file: Path, samples: int) -> Tensor | None:
    if stored is not None and len(stored) != samples:
        raise DataError(
            f"expected the teacher's outputs for {samples} samples in {file} but found {len(stored)}: another file was "
            "put there, or the data set's fingerprint does not tell how many samples it has; delete the file"
        )
    return stored


def _agrees(stored: Tensor | None, expected: Tensor, positions: list[int]) -> bool:
    if stored is None or stored.shape[1] != expected.shape[1]:
        return False
    expected = expected.float()
    return bool(((stored[positions].float() - expected).abs() <= TOLERANCE * expected.abs().max()).all())


def _write(file: Path, outputs: Tensor, path: str) -> None:
    try:
        with atomic_write(file, "w+b") as opened, h5py.File(opened, "w") as stored:
            stored["outputs"] = outputs.numpy()
            stored.attrs["tap"] = path
    except OSError as error:
        raise _not_written(file, error) from error


def _not_written(file: Path, error: OSError) -> DataError:
    return DataError(
        f"expected to write the teacher's outputs to {file} but found: {error.strerror or error}; name another "
        f"folder (cache=…)"
    )
