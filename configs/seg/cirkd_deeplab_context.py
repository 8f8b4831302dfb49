# CIRKD (Yang et al., CVPR 2022) on Pascal Context: DeepLabV3+ R101 -> MobileNetV2. BPKD's table: 41.01 -> 42.25 mIoU.
_base_ = ["../_base_/seg/pair_deeplab_context.py", "../_base_/seg/loss_cirkd_context.py"]
model = dict(losses={{_base_._cirkd}})
