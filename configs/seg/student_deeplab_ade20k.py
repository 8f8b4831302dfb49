# DeepLabV3+ MobileNetV2 alone on ADE20K: 31.56 mIoU in BPKD's table.
_base_ = [
    "../_base_/seg/deeplabv3plus_mv2_wide.py",
    "../_base_/seg/ade20k_512x512.py",
    "../_base_/seg/sgd_80k.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(512, 512)),
    decode_head=dict(num_classes=150),
    auxiliary_head=dict(num_classes=150),
)
