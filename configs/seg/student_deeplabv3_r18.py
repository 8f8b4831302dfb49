# DeepLabV3-R18 alone on Cityscapes: 72.96 mIoU in ACAM-KD's table.
_base_ = [
    "../_base_/seg/deeplabv3_r18.py",
    "../_base_/seg/cityscapes_512x1024.py",
    "../_base_/seg/sgd_40k.py",
    "../_base_/seg/runtime.py",
]
train_dataloader = dict(batch_size=16)  # on one GPU; on N GPUs divide by N
