# CWD (Shu et al., ICCV 2021) on ADE20K: DeepLabV3+ R101 -> MobileNetV2. BPKD's table: 31.56 -> 35.12 mIoU.
_base_ = ["../_base_/seg/pair_deeplab_ade20k.py", "../_base_/seg/loss_cwd_ade20k.py"]
model = dict(losses={{_base_._cwd}})
