"""Pictures of the masks that a distillation learns, while it learns them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor, nn

from common.distiller import Distiller
from common.errors import ConfigError
from common.losses.acam import Masks
from common.panels import Panel, panel_grid
from common.report import write_png

WIDTH = 200  # of a panel, pixels
CHANNEL_HEIGHT = 16  # of a channel mask's row, pixels


@HOOKS.register_module()
class MaskPictureHook(Hook):
    """Draws the masks of each `common.losses.ACAMLoss` for a batch's first image: ``WORK_DIR/masks/iter_N.png``.

    A row for each level: the image, its spatial masks, and all channel masks as rows of one panel, dark at 0 and bright
    at 1, each with its mean. Masks that grow dark everywhere look away from errors; masks that look alike are not kept
    apart by the diversity term.

    Args:
        interval: iterations from one picture to the next; the first iteration is drawn too.

    Raises:
        ConfigError: for an interval below 1, and at the start of a run without such a loss.
    """

    def __init__(self, interval: int = 500):
        if interval < 1:
            raise ConfigError(f"MaskPictureHook: expected an interval of at least 1 but found {interval}")
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        """See that there is something to draw."""
        if not list(_masking(runner.model)):
            raise ConfigError("MaskPictureHook: expected an ACAMLoss in the run but found none; leave the hook out")

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Draw, where it is time to."""
        step = runner.iter + 1
        if not is_main_process() or (step != 1 and step % self.interval):
            return
        model = _bare(runner.model)
        image = shown_image(data_batch["inputs"][0], model.data_preprocessor)
        masks = [loss.masks for loss in _masking(model) if loss.masks is not None]
        if masks:  # none while the loss's weight is 0
            write_png(Path(runner.work_dir, "masks", f"iter_{step}.png"), mask_picture(image, masks))


def _bare(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model


def _masking(model: nn.Module) -> Iterator[nn.Module]:
    """The losses with masks, level by level."""
    model = _bare(model)
    for module in model.terms.modules() if isinstance(model, Distiller) else ():
        if hasattr(module, "masks") and hasattr(module, "masking"):
            yield module


def shown_image(inputs: Tensor, preprocessor: nn.Module | None) -> np.ndarray:
    """A raw image ``[3, H, W]`` of 0 to 255 as RGB uint8 ``[H, W, 3]``; what a preprocessor turns round was BGR."""
    image = inputs.detach().cpu().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(image[..., ::-1] if getattr(preprocessor, "_channel_conversion", False) else image)


def mask_picture(image: np.ndarray, masks: Sequence[Masks]) -> np.ndarray:
    """The masks of a batch's first image beside it, a row for each level; RGB uint8 ``[h, w, 3]``."""
    height = round(WIDTH * image.shape[0] / image.shape[1])
    picture = cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA)
    panels: list[Panel | None] = []
    count = max(level.spatial.shape[1] for level in masks)
    for number, level in enumerate(masks):
        spatial, channel = (each[0].float().cpu().numpy() for each in (level.spatial, level.channel))
        panels.append(Panel(picture, f"level {number}: {spatial.shape[1]}x{spatial.shape[2]}"))
        panels += [Panel(_coloured(each, (WIDTH, height)), f"spatial {each.mean():.2f}") for each in spatial]
        panels += [None] * (count - len(spatial))
        rows = (WIDTH, CHANNEL_HEIGHT * len(channel))
        panels.append(Panel(_coloured(channel, rows), f"{channel.shape[1]} channels {channel.mean():.2f}"))
    return panel_grid(panels, columns=count + 2)


def _coloured(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    bright = np.rint(255 * values).astype(np.uint8)
    large = cv2.resize(bright, size, interpolation=cv2.INTER_NEAREST)
    return cv2.cvtColor(cv2.applyColorMap(large, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
