# BPKD (Liu et al., WACV 2024) on ADE20K: HRNetV2-W48 -> W18 small. BPKD's table: 31.38 -> 35.31 mIoU.
_base_ = ["../_base_/seg/pair_hrnet_ade20k.py", "../_base_/seg/loss_bpkd.py"]
model = dict(losses={{_base_._bpkd}})
