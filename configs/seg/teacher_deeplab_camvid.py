# Trains the teacher of the CamVid runs: DeepLabV3+ R101 at crop 360x360, batch 16, 40k iterations. (The teacher
# of CIRKD's and Af-DCD's tables is a DeepLabV3 R101 with 69.84 mIoU on test.)
_base_ = [
    "../_base_/seg/deeplabv3plus_r101.py",
    "../_base_/seg/camvid_360x360.py",
    "../_base_/seg/sgd_40k_camvid.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(360, 360)), decode_head=dict(num_classes=11), auxiliary_head=dict(num_classes=11)
)
