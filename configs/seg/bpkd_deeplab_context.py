# BPKD (Liu et al., WACV 2024) on Pascal Context: DeepLabV3+ R101 -> MobileNetV2. BPKD's table: 41.01 -> 46.23 mIoU.
_base_ = ["../_base_/seg/pair_deeplab_context.py", "../_base_/seg/loss_bpkd.py"]
model = dict(losses={{_base_._bpkd}})
