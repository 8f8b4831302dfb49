# BPKD (Liu et al., WACV 2024) on ADE20K: DeepLabV3+ R101 -> MobileNetV2. BPKD's table: 31.56 -> 35.49 mIoU.
_base_ = ["../_base_/seg/pair_deeplab_ade20k.py", "../_base_/seg/loss_bpkd.py"]
model = dict(losses={{_base_._bpkd}})
