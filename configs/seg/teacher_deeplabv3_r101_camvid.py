# Trains the teacher of CIRKD's CamVid rows: DeepLabV3-R101, 69.84 mIoU on test in its table.
_base_ = [
    "../_base_/seg/deeplabv3_r101.py",
    "../_base_/seg/camvid_360x360.py",
    "../_base_/seg/sgd_40k_cirkd.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(360, 360)),
    decode_head=dict(num_classes=11),
    auxiliary_head=dict(num_classes=11),
)
