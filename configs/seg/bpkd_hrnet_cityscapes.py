# BPKD (Liu et al., WACV 2024) on Cityscapes: HRNetV2-W48 -> W18 small. BPKD's table: 75.31 -> 78.58 mIoU.
_base_ = ["../_base_/seg/pair_hrnet_cityscapes.py", "../_base_/seg/loss_bpkd.py"]
model = dict(losses={{_base_._bpkd}})
