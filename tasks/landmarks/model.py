"""Landmark networks as models of the engine."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.model import BaseModel, BaseModule
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from common.checkpoint import load_strictly, read_checkpoint, state_dict_of
from common.config import read_config, student_config
from common.errors import ConfigError
from common.ground_truth import ground_truth
from common.registry import LOSSES, make_loss
from common.teacher_config import without_pretrained
from common.training import config_errors
from tasks.landmarks.crop import in_pixels
from tasks.landmarks.networks import heatmaps

# 0..255 to 0..1 and no more, as the authors of KD-Loss have it.
PREPROCESSOR = {"type": "ImgDataPreprocessor", "mean": [0.0] * 3, "std": [255.0] * 3}
# Plain regression losses beside the registered ones, each the mean over batch and coordinates.
PLAIN_LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss, "smooth_l1": F.smooth_l1_loss}


@MODELS.register_module()
class LandmarkModel(BaseModel):
    """A network that gives coordinates, and what it is trained with.

    Args:
        network: config of a registered network such as `tasks.landmarks.networks.PointRegressor`, or the network.
        loss: ``'mse'``, ``'l1'``, ``'smooth_l1'``, or a loss of `common.registry.LOSSES` that takes ``student`` and
            ``target`` alone, by name or as a config with ``type`` and its hyperparameters.
        loss_weight: of it; 0 where distillation has a loss for the labels of its own.
        target: ``'gt_points'``, or ``'gt_soft'`` for a tolerant teacher.
        data_preprocessor: by default to images of 0 to 1.

    Raises:
        ConfigError: for an unknown loss.
    """

    def __init__(
        self,
        network: dict | nn.Module,
        loss: str | dict = "mse",
        loss_weight: float = 1.0,
        target: str = "gt_points",
        data_preprocessor: dict | nn.Module | None = None,
        init_cfg: dict | None = None,
    ):
        super().__init__(data_preprocessor or dict(PREPROCESSOR), init_cfg)
        self.network = network if isinstance(network, nn.Module) else MODELS.build(network)
        if not isinstance(self.network, BaseModule):
            self.network.is_init = True  # or the engine calls timm's init_weights, which forgets published weights
        self.criterion = _regression_loss(loss)
        self.loss_weight = loss_weight
        self.target = target

    def forward(self, inputs: Tensor, data_samples: Sequence[BaseDataElement] | None = None, mode: str = "tensor"):
        """What the network gives; in mode ``'loss'`` ``loss_points``; in mode ``'predict'`` the samples with points.

        Predictions are ``pred_points`` float32 ``[n, 2]`` in pixels of the image, by the sample's ``to_crop``, and
        ``pred_crop_points``, in pixels of the crop.
        """
        output = self.network(inputs)
        if mode == "tensor":
            return output
        if mode == "loss":
            if self.loss_weight == 0:
                return {}
            return {"loss_points": self.loss_weight * self.loss(output, ground_truth(data_samples, self.target))}
        return self._predict(output, data_samples, inputs.shape[-1])

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of the network's output against normalised coordinates ``(B, 2n)``."""
        check_points(output, target)
        return self.criterion(output.float(), target)

    @torch.no_grad()
    def _predict(self, output: Tensor, data_samples: Sequence[BaseDataElement] | None, size: int) -> list:
        crop = in_pixels(self.network.points(output).float().view(len(output), -1, 2), size)
        samples = list(data_samples or (BaseDataElement() for _ in range(len(crop))))
        for sample, points in zip(samples, crop, strict=True):
            sample.pred_crop_points = points
            if "to_crop" in sample:
                turn = sample.to_crop.to(points.device)
                back = torch.linalg.solve(turn[:, :2], (points.double() - turn[:, 2]).T).T
                sample.pred_points = back.float()
        return samples


@MODELS.register_module()
class HeatmapModel(LandmarkModel):
    """A network that gives a heat map for each point, trained on Gaussians around the points.

    Args:
        network: config of a `tasks.landmarks.networks.HeatmapNetwork`, or the network.
        sigma: of the Gaussians in cells of the maps; ours (the usual 1.5 for maps of a quarter of the image).
        scale: of the loss, whose mean over cells is small; ours.
        loss_weight: see `LandmarkModel`, as ``data_preprocessor``.
    """

    def __init__(
        self,
        network: dict | nn.Module,
        sigma: float = 1.5,
        scale: float = 100.0,
        loss_weight: float = 1.0,
        data_preprocessor: dict | nn.Module | None = None,
        init_cfg: dict | None = None,
    ):
        super().__init__(network, "mse", loss_weight, "gt_points", data_preprocessor, init_cfg)
        self.sigma, self.scale = sigma, scale

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean squared error against Gaussians."""
        if output.shape[1] * 2 != target.shape[1]:
            check_points(output.flatten(1)[:, : 2 * output.shape[1]], target)
        return self.scale * F.mse_loss(output.float(), heatmaps(target, output.shape[2:], self.sigma))


def check_points(output: Tensor, target: Tensor) -> None:
    """See that a network gives as many coordinates as there are.

    Raises:
        ConfigError: if it does not.
    """
    if output.shape != target.shape:
        raise ConfigError(
            f"expected {target.shape[1] // 2} points, as the data have, but the network gives {output.shape[1] // 2}; "
            "set num_points of the network to the number of the data's"
        )


def num_points_of(model: Mapping[str, Any]) -> int | None:
    """Number of points that the network of a model's config gives, told or by default; None where none is known.

    Args:
        model: config of a `LandmarkModel`.
    """
    network = model.get("network") or {}
    if not isinstance(network, Mapping):
        return getattr(network, "num_points", None)
    if network.get("num_points") is not None:
        return network["num_points"]
    kind = network.get("type")
    kind = MODELS.get(kind) if isinstance(kind, str) else kind
    told = inspect.signature(kind).parameters.get("num_points") if kind is not None else None
    return None if told is None or told.default is told.empty else told.default


def _regression_loss(loss: str | dict) -> Any:
    settings = {"type": loss} if isinstance(loss, str) else dict(loss)
    kind = settings.pop("type", None)
    found = PLAIN_LOSSES.get(kind) or LOSSES.get(kind)
    if found is None:
        known = ", ".join([*PLAIN_LOSSES, "wing_loss", "main_landmark_loss"])
        raise ConfigError(f"expected a loss such as {known} but found {kind!r}")
    return make_loss(found, settings, str(kind))


def load_landmark_model(
    config: str | Path | Config,
    checkpoint: str | Path,
    device: str = "cpu",
    cfg_options: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> tuple[nn.Module, Config]:
    """The network of a config, of a distillation its student, with the weights of a checkpoint, in eval mode.

    Args:
        config: a file or what is in it.
        checkpoint: every key must fit.
        device: ``'cpu'`` or ``'cuda'``.
        cfg_options: {'dotted.key': value} that overrides the config.
        trust: unpickle any object in the checkpoint.

    Returns:
        The model and its config.

    Raises:
        ConfigError: if the model cannot be built.
        CheckpointError: if the checkpoint does not cover it.
    """
    cfg = config if isinstance(config, Config) else read_config(config, cfg_options)
    init_default_scope(cfg.get("default_scope", "mmengine"))
    with config_errors("the model", cfg):
        model = MODELS.build(without_pretrained(student_config(cfg)))
    load_strictly(model, state_dict_of(read_checkpoint(checkpoint, trust), model.state_dict()), str(checkpoint))
    return model.to(device).eval(), cfg
