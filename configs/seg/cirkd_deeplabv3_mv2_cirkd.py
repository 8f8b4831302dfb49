# CIRKD (Yang et al., CVPR 2022) on Cityscapes in CIRKD's protocol: DeepLabV3-R101 -> DeepLabV3-MobileNetV2. CIRKD's
# table: 73.12 -> 75.42 mIoU.
_base_ = ["../_base_/seg/pair_deeplabv3_mv2_cirkd.py", "../_base_/seg/loss_cirkd.py"]
model = dict(losses={{_base_._cirkd}})
