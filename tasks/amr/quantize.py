"""Networks in 8-bit integers: frames to calibrate them with, and what they cost in accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, Subset

from common.onnx_files import open_session
from common.sample_batch import join_samples

BATCH = 256


def choose_frames(dataset: Dataset, most: int, seed: int = 0) -> np.ndarray:
    """At most so many frames of a data set, drawn without replacement: float32 ``[n, 2, L]``."""
    rows = np.random.default_rng(seed).permutation(len(dataset))[:most]
    return np.concatenate([frames for frames, _ in labelled_frames(Subset(dataset, np.sort(rows).tolist()))])


def labelled_frames(dataset: Dataset) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All frames in batches: float32 ``[n, 2, L]`` and their classes, int64 ``[n]``."""
    for batch in DataLoader(dataset, BATCH, collate_fn=join_samples):
        yield batch["inputs"].numpy(), batch["data_samples"].gt_label.numpy()


def compare(networks: Mapping[str, str | Path], dataset: Dataset) -> dict[str, Any]:
    """Accuracy of ONNX networks on the same frames, by onnxruntime.

    Args:
        networks: name -> file, each ``[B, 2, L] -> [B, K]``.
        dataset: labelled frames.

    Returns:
        'frames' (how many), 'accuracy' (name -> percent) and 'agreement' (percent of frames that all give one class).
    """
    sessions = {name: open_session(path) for name, path in networks.items()}
    right = dict.fromkeys(networks, 0)
    count = agreed = 0
    for frames, labels in labelled_frames(dataset):
        answers = []
        for name, session in sessions.items():
            answers.append(session.run(None, {session.get_inputs()[0].name: frames})[0].argmax(axis=1))
            right[name] += int((answers[-1] == labels).sum())
        agreed += int((np.stack(answers) == answers[0]).all(axis=0).sum())
        count += len(labels)
    accuracy = {name: 100 * hits / count for name, hits in right.items()}
    return {"frames": count, "accuracy": accuracy, "agreement": 100 * agreed / count}
