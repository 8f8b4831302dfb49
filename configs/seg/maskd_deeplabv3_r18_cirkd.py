# MasKD (Huang et al., ICLR 2023) on Cityscapes in CIRKD's protocol: DeepLabV3-R101 -> DeepLabV3-R18. Its authors: 74.21
# -> 77.00 mIoU.
_base_ = ["../_base_/seg/pair_deeplabv3_r18_cirkd.py", "../_base_/seg/loss_maskd.py"]
model = dict(losses={{_base_._maskd}})
