"""Semantic segmentation. Importing this registers its datasets, transforms and metrics with mmseg."""

import mmseg.datasets  # noqa: F401
import mmseg.models  # noqa: F401

import tasks.seg.datasets
import tasks.seg.example
import tasks.seg.metrics  # noqa: F401
