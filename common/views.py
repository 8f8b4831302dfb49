"""Views: further images of a training sample, such as the next frame of a video, for losses that compare the two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from common.errors import ConfigError
from common.ground_truth import ground_truth
from common.teacher_config import normalisation

IMAGE = "image"  # a sample's image as a network sees it; IMAGE@VIEW is that of a view
FRAME = "frame_"  # before a view's name: the field of a sample with its image
FLOW = "flow_"  # the same of the optical flow to it


def frames(data_samples: Sequence, view: str, preprocessor: nn.Module, inputs: Tensor) -> Tensor:
    """The images of a view as the student's preprocessor gives them.

    Args:
        data_samples: of the batch; each has the field ``frame_VIEW``, an image ``[3, H, W]`` as a pipeline packs it.
        view: its name.
        preprocessor: the student's, for its channel order, mean and standard deviation.
        inputs: the batch's images ``[B, 3, H, W]``, preprocessed.

    Raises:
        ConfigError: if samples have no such field, or frames are not as large as the batch's images.
    """
    images: Any = ground_truth(data_samples, f"{FRAME}{view}")
    mean, std, turn = normalisation(preprocessor)
    if not isinstance(images, Tensor) or images.shape != inputs.shape:
        found = tuple(images.shape) if isinstance(images, Tensor) else "images of several shapes"
        raise ConfigError(
            f"expected frames of view {view!r} in the shape of the batch's images, {tuple(inputs.shape)}, but found "
            f"{found}; crop to the size that the data_preprocessor pads to"
        )
    images = images.to(inputs)
    images = images.flip(1) if turn else images
    return (images - mean.to(images)) / std.to(images)
