"""What the command lines ask of the segmentation task."""

from tasks.seg.data_check import check_data
from tasks.seg.methods import METHODS, distilled_config

__all__ = ["METHODS", "check_data", "distilled_config"]
