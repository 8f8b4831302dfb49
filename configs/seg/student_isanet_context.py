# ISANet R18 alone on Pascal Context: 44.05 mIoU in BPKD's table.
_base_ = [
    "../_base_/seg/isanet_r18.py",
    "../_base_/seg/pascal_context_480x480.py",
    "../_base_/seg/sgd_80k_context.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(480, 480)),
    decode_head=dict(num_classes=59),
    auxiliary_head=dict(num_classes=59),
)
