# DeepLabV3-MobileNetV2 alone on Cityscapes: 73.12 mIoU in ACAM-KD's table.
_base_ = [
    "../_base_/seg/deeplabv3_mv2.py",
    "../_base_/seg/cityscapes_512x1024.py",
    "../_base_/seg/sgd_40k.py",
    "../_base_/seg/runtime.py",
]
train_dataloader = dict(batch_size=16)  # on one GPU; on N GPUs divide by N
optim_wrapper = dict(optimizer=dict(weight_decay=0.0002))  # of MasKD's code for MobileNetV2
