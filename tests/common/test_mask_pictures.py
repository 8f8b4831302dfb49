"""Pictures of learned masks."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from toy_distillers import CWD, INPUTS, make, step
from toys import set_iteration

from common.errors import ConfigError
from common.losses.acam import Masks
from common.mask_pictures import WIDTH, MaskPictureHook, mask_picture, shown_image

ACAM = {"type": "ACAMLoss", "student": "features", "teacher": "features", "num_masks": 3}


def runner(model, folder, iteration=0):
    return SimpleNamespace(model=model, iter=iteration, work_dir=str(folder))


def test_pictures_are_drawn_at_the_first_iteration_and_every_so_many(tmp_path):
    set_iteration(0)
    model = make(losses={"acam": ACAM})
    hook = MaskPictureHook(interval=4)
    hook.before_train(runner(model, tmp_path))
    step(model)
    for iteration in range(8):
        hook.after_train_iter(runner(model, tmp_path, iteration), 0, {"inputs": list(INPUTS)})
    drawn = sorted(path.name for path in (tmp_path / "masks").iterdir())
    assert drawn == ["iter_1.png", "iter_4.png", "iter_8.png"]
    assert Image.open(tmp_path / "masks" / "iter_4.png").size[0] > 4 * WIDTH  # image, three masks, channels


def test_bright_is_where_a_mask_is_high():
    spatial = torch.zeros(1, 1, 2, 2)
    spatial[..., 1] = 1.0
    picture = mask_picture(np.zeros((50, 100, 3), np.uint8), [Masks(torch.full((1, 1, 4), 0.5), spatial)])
    mask = picture[40:120, 10 + WIDTH + 10 : 2 * WIDTH + 20].astype(int).sum(axis=2)
    assert mask[:, 5 : WIDTH // 2 - 5].max() < mask[:, WIDTH // 2 + 5 : WIDTH - 5].min()


@pytest.mark.parametrize(("turned", "first"), [(True, 3), (False, 1)])
def test_images_are_shown_in_their_own_colours(turned, first):
    image = torch.tensor([1, 2, 3], dtype=torch.uint8)[:, None, None].expand(3, 4, 5)
    shown = shown_image(image, SimpleNamespace(_channel_conversion=turned))
    assert shown.shape == (4, 5, 3)
    assert shown[0, 0, 0] == first


@pytest.mark.parametrize("model", [nn.Linear(1, 1), None])
def test_a_run_without_masks_is_told(tmp_path, model):
    model = make(losses={"cwd": CWD}) if model is None else model
    with pytest.raises(ConfigError, match="expected an ACAMLoss in the run but found none"):
        MaskPictureHook().before_train(runner(model, tmp_path))


def test_an_interval_is_at_least_one():
    with pytest.raises(ConfigError, match="at least 1 but found 0"):
        MaskPictureHook(0)
