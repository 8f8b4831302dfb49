# A teacher of BPKD's rows on Cityscapes: ISANet R101 of crops of 769x769, as mmseg's own config of that name. Public
# weights: 80.61 mIoU in mmseg's metafile; nothing has to be trained.
_base_ = [
    "../_base_/seg/isanet_r101.py",
    "../_base_/seg/cityscapes_769x769.py",
    "../_base_/seg/sgd_80k.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(769, 769)),
    decode_head=dict(align_corners=True),
    auxiliary_head=dict(align_corners=True),
    test_cfg=dict(mode="slide", crop_size=(769, 769), stride=(513, 513)),
)
