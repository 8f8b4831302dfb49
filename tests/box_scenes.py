"""Random objects, and detections that find, shift, confuse, repeat and imagine them."""

import numpy as np

from tasks.det.boxes import Detections, Objects


def scene(rng: np.random.Generator, num_classes: int = 3, ignored: float = 0.0, reach: float = 70.0):
    """One image's objects, of which a share is ignored, and detections, each with a score of its own."""
    count = rng.integers(0, 7)
    corner = rng.uniform(0, reach, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(8, 40, (count, 2)) * reach / 70], axis=1)
    labels = rng.integers(0, num_classes, count)
    objects = Objects(boxes, labels, rng.random(count) < ignored)
    found, classes = [], []
    for box, label in zip(boxes, labels, strict=True):
        for _ in range(rng.integers(0, 4)):
            found.append(box + rng.normal(0, rng.choice([1, 5, 12]), 4) * reach / 70)
            classes.append(label if rng.random() < 0.7 else rng.integers(0, num_classes))
    for _ in range(rng.integers(0, 4)):
        corner = rng.uniform(0, reach, 2)
        found.append(np.concatenate([corner, corner + rng.uniform(8, 40, 2)]))
        classes.append(rng.integers(0, num_classes))
    found = np.array(found).reshape(-1, 4)
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 2)
    return objects, Detections(found, rng.random(len(found)), np.array(classes, np.int64))


def scenes(seed: int, images: int = 12, **options) -> tuple[list[Objects], list[Detections]]:
    """Objects and detections of several images; see `scene`."""
    rng = np.random.default_rng(seed)
    pairs = [scene(rng, **options) for _ in range(images)]
    return [objects for objects, _ in pairs], [detections for _, detections in pairs]
