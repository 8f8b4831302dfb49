# CIRKD (Yang et al., CVPR 2022) on Pascal Context: PSPNet R101 -> R18. BPKD's table: 43.79 -> 45.62 mIoU.
_base_ = ["../_base_/seg/pair_pspnet_context.py", "../_base_/seg/loss_cirkd_context.py"]
model = dict(losses={{_base_._cirkd}})
