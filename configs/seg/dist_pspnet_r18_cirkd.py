# DIST (Huang et al., NeurIPS 2022) on Cityscapes in CIRKD's protocol: DeepLabV3-R101 -> PSPNet-R18. Its authors: 72.55
# -> 76.31 mIoU.
_base_ = ["../_base_/seg/pair_pspnet_r18_cirkd.py", "../_base_/seg/loss_dist.py"]
model = dict(losses={{_base_._dist}})
