# MasKD (Huang et al., ICLR 2023) on Cityscapes in CIRKD's protocol: DeepLabV3-R101 -> DeepLabV3-MobileNetV2. Its
# authors: 73.12 -> 75.26 mIoU.
_base_ = ["../_base_/seg/pair_deeplabv3_mv2_cirkd.py", "../_base_/seg/loss_maskd.py"]
model = dict(losses={{_base_._maskd}})
