"""Random views of faces: geometry in the one map that cuts the face out, light and dirt by albumentations."""

from __future__ import annotations

import albumentations as A
import numpy as np

from common.errors import ConfigError


class FaceAugment:
    """How faces are varied in training.

    Geometry does not go through albumentations, because it is one affine map with the crop: what turns into view is
    the photograph, not a black corner, pixels are read once, and the map is kept with the points.

    Args:
        flip: probability of a mirrored face.
        rotation: turned by up to so many degrees either way.
        scale: larger or smaller by up to this share.
        shift: moved by up to this share of the crop, in both directions.
        gamma: probability of another brightness curve, exponent 0.4 to 2.5.
        noise: probability of Gaussian noise, standard deviation 2 % to 10 % of full scale.
        blur: probability of a Gaussian blur of 3 to 7 pixels.
        rectangles: probability of up to 3 occluding rectangles of random colours, 10 % to 35 % of the side.

    Raises:
        ConfigError: for a probability outside 0..1 or a negative range.
    """

    def __init__(
        self,
        flip: float = 0.5,
        rotation: float = 20.0,
        scale: float = 0.1,
        shift: float = 0.05,
        gamma: float = 0.3,
        noise: float = 0.2,
        blur: float = 0.2,
        rectangles: float = 0.3,
    ):
        chances = {"flip": flip, "gamma": gamma, "noise": noise, "blur": blur, "rectangles": rectangles}
        ranges = {"rotation": rotation, "scale": scale, "shift": shift}
        for name, value in chances.items():
            if not 0 <= value <= 1:
                raise ConfigError(f"expected a probability from 0 to 1 for {name} but found {value}")
        for name, value in ranges.items():
            if value < 0:
                raise ConfigError(f"expected a range of 0 or more for {name} but found {value}")
        if scale >= 1:
            raise ConfigError(f"expected a scale below 1 but found {scale}")
        self.settings = {**chances, **ranges}
        self.flip, self.rotation, self.scale, self.shift = flip, rotation, scale, shift
        steps = [
            A.RandomGamma(gamma_limit=(40, 250), p=gamma),
            A.GaussNoise(std_range=(0.02, 0.1), p=noise),
            A.GaussianBlur(blur_limit=(3, 7), p=blur),
            A.CoarseDropout(
                num_holes_range=(1, 3),
                hole_height_range=(0.1, 0.35),
                hole_width_range=(0.1, 0.35),
                fill="random_uniform",
                p=rectangles,
            ),
        ]
        self.photometry = A.Compose([step for step in steps if step.p > 0])

    def geometry(self, random: np.random.Generator) -> dict:
        """Arguments of `tasks.landmarks.crop.square_crop` for one view."""
        return {
            "rotation": random.uniform(-self.rotation, self.rotation),
            "scale": 1 + random.uniform(-self.scale, self.scale),
            "shift": tuple(random.uniform(-self.shift, self.shift, 2)),
            "flip": bool(random.random() < self.flip),
        }

    def paint(self, image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Another light, noise, blur and things in front, of an image uint8 ``[H, W, 3]``."""
        # albumentations keeps random states of its own, which would differ from worker to worker.
        self.photometry.set_random_seed(int(random.integers(2**31)))
        return self.photometry(image=image)["image"]
