# The student alone on CamVid.
_base_ = [
    "../_base_/seg/deeplabv3plus_mv2.py",
    "../_base_/seg/camvid_360x360.py",
    "../_base_/seg/sgd_40k_camvid.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(360, 360)), decode_head=dict(num_classes=11), auxiliary_head=dict(num_classes=11)
)
