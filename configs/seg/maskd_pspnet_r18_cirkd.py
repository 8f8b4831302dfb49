# MasKD (Huang et al., ICLR 2023) on Cityscapes in CIRKD's protocol: DeepLabV3-R101 -> PSPNet-R18. Its authors: 72.55 ->
# 75.34 mIoU.
_base_ = ["../_base_/seg/pair_pspnet_r18_cirkd.py", "../_base_/seg/loss_maskd.py"]
model = dict(losses={{_base_._maskd}})
