# CIRKD (Yang et al., CVPR 2022) on Cityscapes in CIRKD's protocol: DeepLabV3-R101 -> DeepLabV3-R18. CIRKD's table:
# 74.21 -> 76.38 mIoU.
_base_ = ["../_base_/seg/pair_deeplabv3_r18_cirkd.py", "../_base_/seg/loss_cirkd.py"]
model = dict(losses={{_base_._cirkd}})
