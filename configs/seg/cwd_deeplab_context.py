# CWD (Shu et al., ICCV 2021) on Pascal Context: DeepLabV3+ R101 -> MobileNetV2. BPKD's table: 41.01 -> 43.74 mIoU.
_base_ = ["../_base_/seg/pair_deeplab_context.py", "../_base_/seg/loss_cwd.py"]
model = dict(losses={{_base_._cwd}})
