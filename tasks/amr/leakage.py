"""Signs that a result is too good: leakage between training and test frames, and accuracies beyond belief."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from common.errors import DataError
from common.modulations import canonical
from tasks.amr.datasets import RML2016A, SignalDataset
from tasks.amr.scores import Confusion, chance
from tasks.amr.splits import Split

# Labels at which a network of RadioML 2016.10A can't tell anything: 9 to 10 % are published, chance being 9.09 %.
LOW_SNR = -16.0
MARGIN = 1.0
LEVEL = 0.001
# Networks without the true SNR end at 62 to 64.5 % on RadioML 2016.10A, over all 20 SNRs.
CREDIBLE_2016A = 66.0
CAUSES = (
    "Accuracy at the lowest SNRs is clearly above chance (one-sided binomial test against chance and "
    f"{MARGIN:g} point more, level {LEVEL:g}). Test frames may share with training frames what is not the "
    "modulation: one channel and noise sequence in all frames of a set that is split frame by frame (RadioML "
    "2016.10A's procedure), copies of frames, or windows that overlap. It may also be real, where the label is the "
    "true SNR and a class shows all the same, as a carrier does. Frames made with another seed tell these apart: "
    "evaluate on them."
)


SHARED_NOISE = (
    "come from one frozen channel, whose noise sequence all frames share: scores at low SNRs are too good; generate "
    "them with --no-frozen-channel, or the test set with another --channel-seed"
)


@dataclass(frozen=True)
class LowSnrCheck:
    """Whether a network knows what nobody can know: its accuracy where the labels promise noise alone.

    Attributes:
        frames: labelled `LOW_SNR` or lower.
        right: how many of them are.
        chance: share of their largest class, in percent.
        p_value: of as many right or more, if each frame were right with `chance` + `MARGIN` percent.
        level: below this the network is suspicious.
    """

    frames: int
    right: int
    chance: float
    p_value: float
    level: float

    @property
    def accuracy(self) -> float:
        """In percent."""
        return 100.0 * self.right / self.frames

    @property
    def is_suspicious(self) -> bool:
        """Whether the accuracy is clearly above chance."""
        return self.p_value < self.level


def check_low_snr(confusion: Confusion, level: float = LEVEL) -> LowSnrCheck | None:
    """A one-sided binomial test of the accuracy at the lowest SNR labels against chance; None without such frames.

    The margin allows for what little there is to see: with enough frames the smallest true gain over chance is
    significant, and is no sign of leakage.

    Args:
        confusion: of one network.
        level: probability of an alarm for a network that is at chance plus the margin.
    """
    counts = confusion.between(high=LOW_SNR)
    frames, right = int(counts.sum()), int(np.trace(counts))
    if not frames:
        return None
    blind = chance(counts)
    limit = min((blind + MARGIN) / 100, 1.0)
    return LowSnrCheck(frames, right, blind, float(binom.sf(right - 1, frames, limit)), level)


def check_training(checkpoint: Mapping[str, Any], dataset: SignalDataset, source: str) -> None:
    """Hold what a checkpoint says about the data it was trained on against the data it is tested on.

    Raises:
        DataError: if the classes differ, or the same frames were split otherwise.
    """
    trained, tested = training_meta(checkpoint), dataset.metainfo
    classes = trained.get("classes")
    if classes and tuple(classes) != tuple(tested["classes"]):
        raise DataError(
            f"expected the classes that {source} was trained on, {', '.join(classes)}, but found "
            f"{', '.join(tested['classes'])} in {dataset.table.source}; name them in this order (mods=…)"
        )
    split, own = trained.get("split") or {}, tested["split"]
    same_data = [list(cell) for cell in split.get("cells", ())] == own["cells"] and dataset.part != "all"
    if same_data and split.get("fingerprint") != own["fingerprint"]:
        raise DataError(
            f"expected the split {split.get('name')!r} of seed {split.get('seed')}, which {source} was trained with, "
            f"but found {own['name']!r} of seed {own['seed']}: frames that trained it would test it; use that split"
        )


def training_meta(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a checkpoint says of its training data, as `SignalDataset.metainfo`; nothing where it is silent."""
    return (checkpoint.get("meta") or {}).get("dataset_meta") or {}


def same_generation(trained: Mapping[str, Any], tested: Mapping[str, Any]) -> bool | None:
    """Whether frames of one number are the same frames in two generated sets; None where one does not tell.

    Args:
        trained: `SignalDataset.metainfo` of one.
        tested: of the other.
    """
    found = [(each.get("generated") or {}).get("frames") for each in (trained, tested)]
    return found[0] == found[1] if all(found) else None


def same_file(one: str | Path, other: str | Path) -> bool:
    """Whether two paths, relative ones from here, lead to one file."""
    return Path(one).resolve() == Path(other).resolve()


def same_channel(trained: Mapping[str, Any], tested: Mapping[str, Any]) -> bool:
    """Whether the frames of two generated sets come from one frozen channel, and so share its noise.

    Args:
        trained: `SignalDataset.metainfo` of one.
        tested: of the other.
    """
    found = [(each.get("generated") or {}).get("frozen_channel") for each in (trained, tested)]
    return found[0] is not None and found[0] == found[1]


def trained_frames(trained: Mapping[str, Any], dataset: SignalDataset) -> int:
    """How many frames of a data set lie in the part that was trained on.

    Generated sets of one seed share their frames, or their noise, whichever is the larger. Of other sets it is known
    from the numbers of frames alone: 0 if there was another number in any cell.

    Args:
        trained: `SignalDataset.metainfo` of the training data, as a checkpoint has it.
        dataset: what is tested on.
    """
    cells = dataset.table.rows_by_cell()
    stored = trained.get("split") or {}
    counts = {(mod, snr): count for mod, snr, count in stored.get("cells", ())}
    is_same = same_generation(trained, dataset.metainfo)
    if is_same is None:
        is_same = counts == {cell: len(rows) for cell, rows in cells.items()}
    if not stored or not is_same:
        return 0
    split = Split.from_dict(stored)
    names = {canonical(mod): mod for mod in trained["classes"]}
    found = [np.empty(0, np.int64)]
    for (mod, snr), rows in cells.items():
        own = names.get(canonical(mod))
        if (own, snr) in counts and snr in trained["snrs"]:
            numbers = np.arange(counts[own, snr])
            numbers = numbers if trained.get("part") == "all" else split.frames("train", own, snr)
            found.append(rows[numbers[numbers < len(rows)]])
    return int(np.isin(dataset.rows, np.concatenate(found)).sum())


def training_warnings(train: SignalDataset, tested: SignalDataset, part: str) -> list[str]:
    """What would make the scores on another part of a config's data too good, in sentences.

    Args:
        train: the training data.
        tested: the data of another part.
        part: its name.
    """
    trained, found = train.metainfo, []
    known = same_generation(trained, tested.metainfo) is not None or same_file(train.table.source, tested.table.source)
    count = trained_frames(trained, tested) if known else 0
    if count:
        found.append(
            f"{count} of {len(tested)} frames of the {part} data, {tested.table.source}, are frames that train: the "
            "file is the same, divided by another split, or was generated from the same seed, which gives the same "
            "symbols and noise (generate it with another --seed)"
        )
    if same_channel(trained, tested.metainfo):
        found.append(f"the training and the {part} data {SHARED_NOISE}")
    return found


def warnings_of(
    name: str,
    checks: Sequence[LowSnrCheck | None],
    trained_on: int,
    accuracy: float,
    dataset: SignalDataset,
    shares_channel: bool = False,
) -> list[str]:
    """What makes the numbers of a network doubtful, in sentences.

    Args:
        name: of the network.
        checks: `check_low_snr` of each of its checkpoints.
        trained_on: `trained_frames`, the most of its checkpoints.
        accuracy: overall, in percent, the best of its checkpoints.
        dataset: what it was evaluated on.
        shares_channel: whether `same_channel` is true of one of its checkpoints.
    """
    found = []
    suspicious = [check for check in checks if check is not None and check.is_suspicious]
    if suspicious:
        worst = max(suspicious, key=lambda check: check.accuracy)
        found.append(
            f"{name}: {worst.accuracy:.1f} % of {worst.frames} frames at {LOW_SNR:g} dB and lower are right, where "
            f"chance is {worst.chance:.1f} % (p = {worst.p_value:.1g}; {len(suspicious)} of {len(checks)} checkpoints)"
        )
    if trained_on:
        found.append(
            f"{name}: {trained_on} of {len(dataset)} frames lie in the part that it was trained on, if that was of "
            f"{Path(dataset.table.source).name}" + (" or of another set of its seed" if dataset.table.generated else "")
        )
    if shares_channel:
        found.append(f"{name}: its training data and these {SHARED_NOISE}")
    if isinstance(dataset, RML2016A) and len(dataset.snrs) == 20 and accuracy > CREDIBLE_2016A:
        found.append(
            f"{name}: {accuracy:.1f} % overall is more than networks reach on RadioML 2016.10A without the true SNR "
            f"(62 to 64.5 %); above {CREDIBLE_2016A:.0f} % look for the SNR among the inputs, copies of test frames "
            "in training, or another file (generated sets can be easier)"
        )
    return found
