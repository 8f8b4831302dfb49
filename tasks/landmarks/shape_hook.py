"""Keeps the shape model that a tolerant teacher was trained after."""

from __future__ import annotations

from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from common.report import write_png
from tasks.landmarks.shape_pictures import draw_modes

FILE, PICTURE = "shape_model.npz", "shape_model.png"


@HOOKS.register_module()
class ShapeModelHook(Hook):
    """Writes the training data's shape model, where they have one, beside the checkpoints: numbers and a picture."""

    def before_train(self, runner: Runner) -> None:
        """Write it."""
        dataset = runner.train_dataloader.dataset
        dataset = getattr(dataset, "dataset", dataset)
        model = getattr(dataset, "shape_model", None)
        if model is None or not is_main_process():
            return
        folder = Path(runner.work_dir)
        model.save(folder / FILE)
        write_png(folder / PICTURE, draw_modes(model, dataset.scheme))
        runner.logger.info(f"shape model of {len(model.eigenvalues)} modes: {folder / FILE}")
