"""Facial landmarks. Importing this registers its data sets, networks, losses, schedules and scores with the engine."""

from tasks.landmarks import (  # noqa: F401
    datasets,
    example,
    losses,
    metrics,
    model,
    networks,
    schedules,
    shape_hook,
    start_hook,
)
