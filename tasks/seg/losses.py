"""Losses of segmentation, from `common.losses`."""

from common.losses.bpkd import BPKDLoss, bpkd_edge_masks, bpkd_loss

__all__ = ["BPKDLoss", "bpkd_edge_masks", "bpkd_loss"]
