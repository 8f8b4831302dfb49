"""What the command lines ask of the landmarks task."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from torch.utils.data import DataLoader

import tasks.landmarks  # noqa: F401
from common.config import student_config
from common.errors import ConfigError
from common.landmark_files import check_faces
from common.sample_batch import join_samples
from common.teacher_config import teacher_model_config
from tasks.landmarks.datasets import FaceDataset, build_dataset
from tasks.landmarks.export import export
from tasks.landmarks.methods import METHODS, distilled_config
from tasks.landmarks.metrics import LandmarkScores
from tasks.landmarks.model import load_landmark_model, num_points_of
from tasks.landmarks.predict import predict

__all__ = ["METHODS", "check_data", "distilled_config", "export", "predict", "prepare", "score"]

DEFAULT_METHOD = "kd_landmark"
# What `export` writes beside the files that it is asked for.
EXPORTED_BESIDE = {"onnx": (".json",)}
BATCH = 64


def prepare(cfg: Config) -> None:
    """Nothing has to be added to a config."""


def check_data(cfg: Config) -> None:
    """Build the data sets of a config once, so that what they lack is said before training.

    Raises:
        DataError: as the data sets.
        ConfigError: if the network or a teacher has another number of points than they.
    """
    for part in ("train", "val", "test"):
        if cfg.get(f"{part}_dataloader"):
            dataset = build_dataset(cfg, part)
            _check_points(cfg, dataset)
            check_faces(dataset.faces, dataset.scheme)


def _check_points(cfg: Config, dataset: FaceDataset) -> None:
    models = {"the network": student_config(cfg)}
    for name, teacher in (cfg.model.get("teachers") or {}).items():
        models[f"teacher {name!r}"] = teacher.get("model") or teacher_model_config(name, teacher)
    for name, model in models.items():
        count = num_points_of(model)
        if count is not None and count != dataset.scheme.num_points:
            raise ConfigError(
                f"expected {dataset.scheme.num_points} points, as scheme {dataset.scheme.name!r} of the data has, but "
                f"{name} of {cfg.filename} has {count}; set num_points of its network"
            )


def score(
    config: str | Path,
    checkpoint: str | Path,
    split: str,
    data_root: str | None,
    device: str,
    cfg_options: dict | None = None,
    trust: bool = False,
) -> dict[str, float]:
    """What `tasks.landmarks.metrics.LandmarkScores` says of a checkpoint on a split, and ``parameters``.

    Raises:
        UserError: for anything in config, data or checkpoint that is the user's to mend.
    """
    model, cfg = load_landmark_model(config, checkpoint, device, cfg_options, trust)
    dataset = build_dataset(cfg, split, data_root)
    judge = LandmarkScores()
    judge.dataset_meta = dataset.metainfo
    for items in DataLoader(dataset, BATCH, collate_fn=join_samples):
        samples = model.test_step(items)
        judge.process(items, [sample.to_dict() for sample in samples])
    scores = judge.evaluate(len(dataset))
    return {**scores, "parameters": sum(parameter.numel() for parameter in model.parameters())}
