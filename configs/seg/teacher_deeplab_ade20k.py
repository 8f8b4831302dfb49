# A teacher of BPKD's rows on ADE20K: DeepLabV3+ R101, as mmseg's own config of that name. Public weights: 45.47 mIoU in
# mmseg's metafile; nothing has to be trained.
_base_ = [
    "../_base_/seg/deeplabv3plus_r101.py",
    "../_base_/seg/ade20k_512x512.py",
    "../_base_/seg/sgd_160k.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(512, 512)),
    decode_head=dict(num_classes=150),
    auxiliary_head=dict(num_classes=150),
)
