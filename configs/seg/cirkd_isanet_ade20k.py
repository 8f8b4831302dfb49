# CIRKD (Yang et al., CVPR 2022) on ADE20K: ISANet R101 -> R18. BPKD's table: 31.15 -> 32.82 mIoU.
_base_ = ["../_base_/seg/pair_isanet_ade20k.py", "../_base_/seg/loss_cirkd_ade20k.py"]
model = dict(losses={{_base_._cirkd}})
