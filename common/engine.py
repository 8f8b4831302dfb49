"""Registers everything a config can name: import this once before building from a config."""

import common.backbones
import common.critics
import common.distiller
import common.hooks
import common.mask_pictures
import common.sample_batch
import common.sampling  # noqa: F401
from common.atomic import use_atomic_writes

use_atomic_writes()
