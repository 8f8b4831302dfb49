# CWD (Shu et al., ICCV 2021) on Cityscapes in CIRKD's protocol: DeepLabV3-R101 -> DeepLabV3-MobileNetV2. CIRKD's table:
# 73.12 -> 74.66 mIoU.
_base_ = ["../_base_/seg/pair_deeplabv3_mv2_cirkd.py", "../_base_/seg/loss_cwd_rerun.py"]
model = dict(losses={{_base_._cwd}}, example=dict(size=(512, 512)))  # the critic wants maps of 64x64
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic=[])
