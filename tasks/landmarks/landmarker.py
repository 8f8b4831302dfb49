"""Trained networks as those who use them see them: what they know, and faces in an image to points in that image."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from numpy.typing import ArrayLike

from common.checkpoint import read_checkpoint
from common.errors import CheckpointError, ConfigError, DataError
from common.landmark_files.scheme import LandmarkScheme, load_scheme, read_scheme
from common.onnx_files import open_session
from tasks.landmarks.crop import apply, box_of, invert, joint_box, square_crop, stretched_crop, warp
from tasks.landmarks.datasets import build_dataset
from tasks.landmarks.face_box import FaceBox
from tasks.landmarks.model import load_landmark_model

TASK = "landmarks"
INPUT = "RGB, 0 to 255, float32, [batch, 3, size, size]: a face, cropped as the metadata say"
OUTPUT = "points, float32, [batch, n, 2]: x, y in pixels of the crop; (0, 0) is the middle of its first pixel"
# Data sets whose scheme their configs need not name.
SCHEME_OF = {"W300": "68", "WFLW": "98", "COFW": "29", "PTSFaces": "68"}
BATCH = 32  # faces that go through a network together


@dataclass(frozen=True)
class LandmarkInfo:
    """What a network expects and tells: stored in ONNX files and exported checkpoints.

    Attributes:
        scheme: of its points.
        size: side of its crops in their own pixels.
        margin: share of the box's longer side that a crop has more on each side; see
            `tasks.landmarks.crop.square_crop`.
        stretch: if crops are stretched instead: pixels of the image around the box; see `stretched_crop` there.
        box: what it was trained on, ``'points'``, the tight box of the points, ``'annotated'``, that of a detector, or
            ``'union'``, the smallest around both.
        face: where the points' box lies in a detector's box of a face; None is what is known of the scheme, or no
            difference for one's own.

    Raises:
        ConfigError: if ``face`` is no such.
    """

    scheme: LandmarkScheme
    size: int
    margin: float = 0.25
    stretch: float | None = None
    box: str = "points"
    face: FaceBox | None = None

    def __post_init__(self) -> None:
        face = FaceBox.of_scheme(self.scheme) or FaceBox() if self.face is None else FaceBox.of(self.face)
        object.__setattr__(self, "face", face)

    def to_crop(self, box: ArrayLike) -> np.ndarray:
        """The map ``[2, 3]`` from pixels of an image to those of the crop around a box x0, y0, x1, y1."""
        if self.stretch is not None:
            return stretched_crop(box, self.size, self.stretch)
        return square_crop(box, self.size, self.margin)

    def trained_box(self, box: ArrayLike, of_face: bool = False) -> ArrayLike:
        """What a crop of the training would be cut around, by the box of a face's points or, ``of_face``, a detector's.

        A network that was trained on a detector's own boxes takes either as it is.
        """
        if self.box == "annotated":
            return box
        if self.box == "union":
            return joint_box(box, self.face.to_points(box) if of_face else self.face.to_face(box))
        return self.face.to_points(box) if of_face else box

    def as_dict(self) -> dict[str, Any]:
        """In plain values."""
        return {**vars(self), "scheme": self.scheme.as_dict(), "face": list(self.face)}

    def as_metadata(self) -> dict[str, str]:
        """As an ONNX file stores it: each value as JSON, and what input and output are."""
        values = {key: json.dumps(value) for key, value in self.as_dict().items()}
        return {"task": TASK, "input": INPUT, "output": OUTPUT, **values}

    @classmethod
    def of_metadata(cls, metadata: Mapping[str, str], source: str) -> LandmarkInfo:
        """What `as_metadata` made.

        Raises:
            CheckpointError: if an entry is missing or damaged, or it is another task's.
        """
        missing = [key for key in ("scheme", "size", "margin") if key not in metadata]
        if metadata.get("task") != TASK or missing:
            raise CheckpointError(
                f"expected an ONNX file that tools/export.py wrote for landmarks but found task "
                f"{metadata.get('task')!r}, without {', '.join(missing) or 'nothing'}, in {source}; export it again"
            )
        try:
            values = {key: json.loads(metadata[key]) for key in cls.__dataclass_fields__ if key in metadata}
        except ValueError as error:
            raise CheckpointError(f"expected metadata in JSON but found {error} in {source}") from error
        return cls.of_dict(values, source)

    @classmethod
    def of_dict(cls, values: Mapping[str, Any], source: str) -> LandmarkInfo:
        """From plain values, as `as_dict` gives them.

        Raises:
            CheckpointError: if they are not such.
        """
        try:
            return cls(**{**values, "scheme": read_scheme(values["scheme"], source)})
        except (ConfigError, KeyError, TypeError) as error:
            raise CheckpointError(f"expected what crops a network takes, in {source}, but found: {error}") from error


@dataclass
class Landmarker:
    """A trained network.

    Attributes:
        name: of its file.
        info: what it knows.
        in_crops: crops, uint8 RGB ``[B, S, S, 3]``, to points ``[B, n, 2]`` in pixels of the crops.
    """

    name: str
    info: LandmarkInfo
    in_crops: Callable[[np.ndarray], np.ndarray]

    def points(
        self, image: np.ndarray, boxes: Sequence[ArrayLike], refine: int | None = None, of_faces: bool = False
    ) -> np.ndarray:
        """Where the points of faces are.

        A detector's box is not the tight box of the points that crops of the training were cut around, and where a
        crop differs from those a network errs more. So the first points give a better box, and that a second crop.

        Args:
            image: RGB ``[H, W, 3]``, uint8.
            boxes: of k faces, x0, y0, x1, y1 in pixels.
            refine: predictions after the first, each from the box of the points before it; None is 1, or 0 for a
                network that was trained on a detector's own boxes.
            of_faces: whether the boxes are a detector's of faces, and not those of the points; see `FaceBox`.

        Returns:
            float64 ``[k, n, 2]``, x and y in pixels of the image.

        Raises:
            CheckpointError: if the network gives points that are not finite.
        """
        if refine is None:
            refine = 0 if self.info.box == "annotated" else 1
        points = self._predict(image, [self.info.trained_box(box, of_faces) for box in boxes])
        for _ in range(refine):
            points = self._predict(image, [self.info.trained_box(box_of(face)) for face in points])
        return points

    def _predict(self, image: np.ndarray, boxes: Sequence[ArrayLike]) -> np.ndarray:
        size, found = self.info.size, [np.empty((0, self.info.scheme.num_points, 2))]
        for start in range(0, len(boxes), BATCH):
            maps = np.stack([self.info.to_crop(box) for box in boxes[start : start + BATCH]])
            crops = np.stack([warp(image, matrix, size) for matrix in maps])
            found.append(apply(invert(maps), self.in_crops(crops).astype(np.float64)))
        points = np.concatenate(found)
        if not np.isfinite(points).all():
            raise CheckpointError(f"expected finite points but {self.name} gives others: its training diverged")
        return points


def load_onnx(path: str | Path, threads: int | None = None) -> Landmarker:
    """A network that `tasks.landmarks.export` wrote, in onnxruntime.

    Raises:
        CheckpointError: if the file is missing or damaged, or is another kind of network.
    """
    session = open_session(path, threads)
    info = LandmarkInfo.of_metadata(session.get_modelmeta().custom_metadata_map, str(path))
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shapes = [list(inputs[0].shape[1:]), list(outputs[0].shape[1:])]
    expected = [[3, info.size, info.size], [info.scheme.num_points, 2]]
    if len(inputs) != 1 or shapes != expected:
        raise CheckpointError(
            f"expected inputs and outputs {expected}, as its metadata say, but found {shapes} in {path}; "
            "export it again"
        )

    def in_crops(crops: np.ndarray) -> np.ndarray:
        images = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), dtype=np.float32)
        return session.run(None, {inputs[0].name: images})[0]

    return Landmarker(Path(path).name, info, in_crops)


def load_checkpoint(config: str | Path, checkpoint: str | Path, device: str = "cpu", trust: bool = False) -> Landmarker:
    """A trained network in torch.

    Raises:
        ConfigError: if the config is no network for landmarks, or there is no such device.
        CheckpointError: if the weights do not fit, or nothing says what its points are.
    """
    model, cfg = load_landmark_model(config, checkpoint, device, trust=trust)
    info = landmark_info(cfg, read_checkpoint(checkpoint, trust), model.network.num_points, str(checkpoint))

    def in_crops(crops: np.ndarray) -> np.ndarray:
        inputs = [torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))) for crop in crops]
        with torch.no_grad():
            batch = model.data_preprocessor({"inputs": inputs}, False)
            samples = model(batch["inputs"], mode="predict")
        return torch.stack([sample.pred_crop_points for sample in samples]).cpu().numpy()

    return Landmarker(Path(checkpoint).name, info, in_crops)


def landmark_info(
    cfg: Config, checkpoint: Mapping[str, Any], num_points: int, source: str, data_root: str | None = None
) -> LandmarkInfo:
    """What a network knows: from its checkpoint, or else from its config's data.

    Where the points' box lies in a face's is measured on the training faces, unless the checkpoint or the scheme tells.

    Args:
        cfg: its config.
        checkpoint: content of its file.
        num_points: that it gives.
        source: the file, for messages.
        data_root: folder of the training data, in place of the config's.

    Raises:
        ConfigError: if the config names no data, and the checkpoint does not tell.
        CheckpointError: if the scheme is unknown or has another number of points.
    """
    meta = checkpoint.get("meta") or {}
    if "landmarks" in meta:
        info = LandmarkInfo.of_dict(meta["landmarks"], source)
    else:
        settings = _data_settings(cfg)
        told = {key: settings[key] for key in ("margin", "stretch", "box") if settings.get(key) is not None}
        trained = (meta.get("dataset_meta") or {}).get("scheme")
        scheme = read_scheme(trained, source) if isinstance(trained, Mapping) else _scheme(settings, source)
        info = LandmarkInfo(scheme, settings.get("size", 224), **told)
    if info.scheme.num_points != num_points:
        raise CheckpointError(
            f"expected a scheme of {num_points} points, as the network gives, but {info.scheme.name!r} has "
            f"{info.scheme.num_points} ({source}); set scheme in the data of {cfg.filename}"
        )
    if "face" in (meta.get("landmarks") or {}) or FaceBox.of_scheme(info.scheme):
        return info
    return replace(info, face=_measured(cfg, data_root, source))


def _measured(cfg: Config, data_root: str | None, source: str) -> FaceBox | None:
    """Where own points lie in faces, by the training data; None, and a warning, where that cannot be told."""
    try:
        found = FaceBox.measured(build_dataset(cfg, "train", data_root).faces)
        why = "the detector finds too few of the training faces"
    except (ConfigError, DataError) as error:
        found, why = None, f"the training faces cannot be read ({error})"
    if found is None:
        print_log(
            f"{source}: where its points lie in a detector's box of a face is not known, since {why}; they are taken "
            "to fill it. If faces are missed or lost, export it where the data is, or give boxes (--box, --boxes)",
            "current",
            logging.WARNING,
        )
    return found


def _data_settings(cfg: Config) -> Mapping[str, Any]:
    for part in ("test", "val", "train"):
        settings = (cfg.get(f"{part}_dataloader") or {}).get("dataset")
        while settings and "dataset" in settings:  # wrapped
            settings = settings["dataset"]
        if settings:
            return settings
    raise ConfigError(
        f"expected test_dataloader.dataset in {cfg.filename}, which tells size, margin and scheme, but found none"
    )


def _scheme(settings: Mapping[str, Any], source: str) -> LandmarkScheme:
    """The scheme that a config's data names."""
    told = settings.get("scheme", SCHEME_OF.get(settings.get("type")))
    try:
        # None stands for a file beside the faces.
        return load_scheme(Path(settings.get("data_root", "."), "scheme.json") if told is None else told)
    except ConfigError as error:
        raise CheckpointError(
            f"expected the landmark scheme of {source} but found none: {error}; set data_root, or use the checkpoint "
            "that the training wrote"
        ) from error
