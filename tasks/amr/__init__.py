"""Modulation recognition. Importing this registers its datasets, views, networks, losses and scores with the engine."""

from tasks.amr import augment, datasets, example, losses, metrics, models  # noqa: F401
