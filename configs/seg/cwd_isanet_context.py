# CWD (Shu et al., ICCV 2021) on Pascal Context: ISANet R101 -> R18. BPKD's table: 44.05 -> 46.76 mIoU.
_base_ = ["../_base_/seg/pair_isanet_context.py", "../_base_/seg/loss_cwd.py"]
model = dict(losses={{_base_._cwd}})
