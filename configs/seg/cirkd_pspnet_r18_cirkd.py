# CIRKD (Yang et al., CVPR 2022) on Cityscapes in CIRKD's protocol: DeepLabV3-R101 -> PSPNet-R18. CIRKD's table: 72.55
# -> 74.73 mIoU.
_base_ = ["../_base_/seg/pair_pspnet_r18_cirkd.py", "../_base_/seg/loss_cirkd.py"]
model = dict(losses={{_base_._cirkd}})
