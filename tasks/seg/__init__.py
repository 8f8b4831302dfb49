"""Semantic segmentation. Importing this registers its datasets, transforms and metrics with mmseg."""

import contextlib
import io
import warnings

from common import mmcv_ops

mmcv_ops.install()  # before mmseg, whose models import mmdet

with contextlib.redirect_stdout(io.StringIO()):  # it prints that an optional library is missing
    import mmseg.datasets
    import mmseg.models  # noqa: F401

warnings.filterwarnings("ignore", message="Default ``avg_non_ignore`` is False")  # said at every build of a head

import tasks.seg.clip_transforms  # noqa: E402
import tasks.seg.clips  # noqa: E402
import tasks.seg.datasets  # noqa: E402
import tasks.seg.example  # noqa: E402
import tasks.seg.fusion  # noqa: E402
import tasks.seg.metrics  # noqa: E402
import tasks.seg.temporal  # noqa: E402
import tasks.seg.temporal_scores  # noqa: E402, F401
