# BPKD (Liu et al., WACV 2024) on ADE20K: ISANet R101 -> R18. BPKD's table: 31.15 -> 38.73 mIoU.
_base_ = ["../_base_/seg/pair_isanet_ade20k.py", "../_base_/seg/loss_bpkd.py"]
model = dict(losses={{_base_._bpkd}})
