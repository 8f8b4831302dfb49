# PSPNet R18 alone on Pascal Context: 43.79 mIoU in BPKD's table.
_base_ = [
    "../_base_/seg/pspnet_r18.py",
    "../_base_/seg/pascal_context_480x480.py",
    "../_base_/seg/sgd_80k_context.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(480, 480)),
    decode_head=dict(num_classes=59),
    auxiliary_head=dict(num_classes=59),
    test_cfg=dict(mode="slide", crop_size=(480, 480), stride=(320, 320)),  # as the authors evaluate it
)
