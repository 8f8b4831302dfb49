"""Lets a network of points start at the mean face."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from common.errors import ConfigError
from tasks.landmarks.networks import PointRegressor


@HOOKS.register_module()
class MeanFaceHook(Hook):
    """Starts the network, of a distillation the student's, at the mean of the training data's points.

    A last layer that starts at random spends the first hundreds of iterations on finding the mean face. Weights that
    are loaded afterwards, of a warm start or of a run that goes on, take its place.

    Args:
        scale: by which the last layer's random weights are multiplied, so that all first answers are near the mean.

    Raises:
        ConfigError: for a network that gives no coordinates.
    """

    def __init__(self, scale: float = 0.1):
        self.scale = scale

    def before_run(self, runner: Runner) -> None:
        """Set the last layer; the engine loads weights after this."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        network = getattr(getattr(model, "student", model), "network", None)
        if not isinstance(network, PointRegressor):
            raise ConfigError(
                f"MeanFaceHook: expected a PointRegressor but found {type(network).__name__}; leave the hook out"
            )
        dataset = runner.train_loop.dataloader.dataset
        dataset = getattr(dataset, "dataset", dataset)
        network.start_at(dataset.mean_points(), self.scale)
