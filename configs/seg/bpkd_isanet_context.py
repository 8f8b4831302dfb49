# BPKD (Liu et al., WACV 2024) on Pascal Context: ISANet R101 -> R18. BPKD's table: 44.05 -> 47.25 mIoU.
_base_ = ["../_base_/seg/pair_isanet_context.py", "../_base_/seg/loss_bpkd.py"]
model = dict(losses={{_base_._bpkd}})
