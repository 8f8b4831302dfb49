# BPKD (Liu et al., WACV 2024) on Pascal Context: HRNetV2-W48 -> W18 small. BPKD's table: 40.62 -> 43.96 mIoU.
_base_ = ["../_base_/seg/pair_hrnet_context.py", "../_base_/seg/loss_bpkd.py"]
model = dict(losses={{_base_._bpkd}})
