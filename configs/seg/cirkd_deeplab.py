# CIRKD (Yang et al., CVPR 2022) on Cityscapes: DeepLabV3+ R101 -> MobileNetV2. BPKD's table: 75.29 -> 77.71 mIoU.
_base_ = ["../_base_/seg/pair_deeplab_cityscapes.py", "../_base_/seg/loss_cirkd.py"]
model = dict(losses={{_base_._cirkd}})
