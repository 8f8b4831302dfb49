# SKD (Liu et al., CVPR 2019) on CamVid in CIRKD's protocol: DeepLabV3-R101 -> DeepLabV3-R18. CIRKD's table: 66.92 ->
# 67.46 mIoU on test.
_base_ = ["../_base_/seg/pair_deeplabv3_r18_camvid.py", "../_base_/seg/loss_skd_rerun_camvid.py"]
model = dict(losses={{_base_._skd}}, example=dict(size=(256, 256)))  # the critic wants maps of 32x32
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic=[])
