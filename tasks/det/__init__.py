"""Object detection. Importing this registers its datasets, transforms and metrics with mmdet."""

from common import mmcv_ops

mmcv_ops.install()  # before mmdet

import mmdet.datasets  # noqa: E402
import mmdet.models  # noqa: E402, F401

import tasks.det.backbones  # noqa: E402
import tasks.det.datasets  # noqa: E402
import tasks.det.example  # noqa: E402
import tasks.det.heads  # noqa: E402
import tasks.det.losses  # noqa: E402
import tasks.det.metrics  # noqa: E402, F401
