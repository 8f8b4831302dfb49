"""Distillation primitives that all tasks share; nothing in here knows a task."""

from common.wrap import Distilled, distill

__all__ = ["Distilled", "distill"]
