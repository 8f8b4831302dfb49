# PSPNet-R18 alone on CamVid in CIRKD's protocol: 66.73 mIoU on test in its table.
_base_ = [
    "../_base_/seg/pspnet_r18.py",
    "../_base_/seg/camvid_360x360.py",
    "../_base_/seg/sgd_40k_cirkd.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(360, 360)),
    decode_head=dict(num_classes=11),
    auxiliary_head=dict(num_classes=11),
)
