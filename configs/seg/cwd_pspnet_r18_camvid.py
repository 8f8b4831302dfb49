# CWD (Shu et al., ICCV 2021) on CamVid in CIRKD's protocol: DeepLabV3-R101 -> PSPNet-R18. CIRKD's table: 66.73 -> 67.92
# mIoU on test.
_base_ = ["../_base_/seg/pair_pspnet_r18_camvid.py", "../_base_/seg/loss_cwd_rerun_camvid.py"]
model = dict(losses={{_base_._cwd}}, example=dict(size=(256, 256)))  # the critic wants maps of 32x32
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic=[])
