# Trains the teacher of ACAM-KD's Cityscapes runs, DeepLabV3-R101: 78.07 mIoU in its table. mmseg's public weights of
# this network have 77.12 after 40k iterations of batch 8 and 80.20 after 80k.
_base_ = [
    "../_base_/seg/deeplabv3_r101.py",
    "../_base_/seg/cityscapes_512x1024.py",
    "../_base_/seg/sgd_40k.py",
    "../_base_/seg/runtime.py",
]
train_dataloader = dict(batch_size=16)  # on one GPU; on N GPUs divide by N
