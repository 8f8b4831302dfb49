# BPKD (Liu et al., WACV 2024) on Pascal Context: PSPNet R101 -> R18. BPKD's table: 43.79 -> 46.82 mIoU.
_base_ = ["../_base_/seg/pair_pspnet_context.py", "../_base_/seg/loss_bpkd.py"]
model = dict(losses={{_base_._bpkd}})
