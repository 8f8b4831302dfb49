# Trains the teacher of BPKD's rows on Pascal Context that mmseg has not: ISANet R101, 53.41 mIoU in BPKD's table. (The
# authors' README links weights of their own, and a config of it with crops of 512x512.)
_base_ = [
    "../_base_/seg/isanet_r101.py",
    "../_base_/seg/pascal_context_480x480.py",
    "../_base_/seg/sgd_80k_context.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(480, 480)),
    decode_head=dict(num_classes=59),
    auxiliary_head=dict(num_classes=59),
)
