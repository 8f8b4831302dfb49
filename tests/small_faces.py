"""Faces of a few points drawn as dots, on disk, for tests that need a data set in seconds."""

from pathlib import Path

import cv2
import numpy as np

from common.landmark_files import LandmarkScheme, write_pts, write_scheme

# Two eyes, a nose, two corners of the mouth.
SCHEME = LandmarkScheme(
    name="five", num_points=5, flip=(1, 0, 2, 4, 3), ocular=((0,), (1,)), regions={"eyes": (0, 1), "mouth": (3, 4)}
)
FACE = np.array([[-10, -8], [10, -8], [0, 0], [-7, 9], [7, 9]], np.float64)
COUNTS = {"train": 8, "val": 3, "test": 4}
# Colours by which each point can be told in a crop.
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255))


def write_faces(root: Path, counts: dict[str, int] = COUNTS, seed: int = 0) -> Path:
    """Images of 96 x 80 pixels with PTS files in a folder for each part, and ``scheme.json``."""
    rng = np.random.default_rng(seed)
    for part, count in counts.items():
        (root / part).mkdir(parents=True)
        for number in range(count):
            points = FACE * rng.uniform(0.8, 1.5) + (48, 40) + rng.uniform(-8, 8, 2)
            image = rng.integers(0, 40, (80, 96, 3)).astype(np.uint8)
            for (x, y), colour in zip(points, COLOURS, strict=True):
                cv2.circle(image, (round(x), round(y)), 2, colour[::-1], -1)
            cv2.imwrite(str(root / part / f"{number}.png"), image)
            write_pts(root / part / f"{number}.pts", points)
    write_scheme(root / "scheme.json", SCHEME)
    return root
