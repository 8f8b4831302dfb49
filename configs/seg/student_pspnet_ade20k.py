# PSPNet R18 alone on ADE20K: 33.30 mIoU in BPKD's table.
_base_ = [
    "../_base_/seg/pspnet_r18.py",
    "../_base_/seg/ade20k_512x512.py",
    "../_base_/seg/sgd_80k.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(512, 512)),
    decode_head=dict(num_classes=150),
    auxiliary_head=dict(num_classes=150),
)
