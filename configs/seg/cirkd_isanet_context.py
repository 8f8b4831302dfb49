# CIRKD (Yang et al., CVPR 2022) on Pascal Context: ISANet R101 -> R18. BPKD's table: 44.05 -> 45.83 mIoU.
_base_ = ["../_base_/seg/pair_isanet_context.py", "../_base_/seg/loss_cirkd_context.py"]
model = dict(losses={{_base_._cirkd}})
