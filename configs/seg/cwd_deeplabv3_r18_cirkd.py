# CWD (Shu et al., ICCV 2021) on Cityscapes in CIRKD's protocol: DeepLabV3-R101 -> DeepLabV3-R18. CIRKD's table: 74.21
# -> 75.55 mIoU.
_base_ = ["../_base_/seg/pair_deeplabv3_r18_cirkd.py", "../_base_/seg/loss_cwd_rerun.py"]
model = dict(losses={{_base_._cwd}}, example=dict(size=(512, 512)))  # the critic wants maps of 64x64
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic=[])
