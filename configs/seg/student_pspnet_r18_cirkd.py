# PSPNet-R18 alone on Cityscapes in CIRKD's protocol: 72.55 mIoU in its table.
_base_ = [
    "../_base_/seg/pspnet_r18.py",
    "../_base_/seg/cityscapes_512x1024.py",
    "../_base_/seg/sgd_40k_cirkd.py",
    "../_base_/seg/runtime.py",
]
train_dataloader = dict(batch_size=16)  # on one GPU; on N GPUs divide by N
