"""Consistency over the frames of a video: warping by optical flow, losses, and the score TC.

Flow is in pixels, (u to the right, v down), from the frame it belongs to: I_t(x) ~ I_k(x + flow(x)).
"""

from tasks.seg.temporal.consistency import consistency_areas, temporal_consistency, visible_pixels
from tasks.seg.temporal.losses import PairwiseFrameLoss, TemporalLoss, pairwise_frame_loss, temporal_loss
from tasks.seg.temporal.multi_frame import MultiFrameLoss
from tasks.seg.temporal.warping import occlusion_weight, warp

__all__ = [
    "MultiFrameLoss",
    "PairwiseFrameLoss",
    "TemporalLoss",
    "consistency_areas",
    "occlusion_weight",
    "pairwise_frame_loss",
    "temporal_consistency",
    "temporal_loss",
    "visible_pixels",
    "warp",
]
