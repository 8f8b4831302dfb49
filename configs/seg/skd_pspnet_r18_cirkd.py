# SKD (Liu et al., CVPR 2019) on Cityscapes in CIRKD's protocol: DeepLabV3-R101 -> PSPNet-R18. No published figure.
_base_ = ["../_base_/seg/pair_pspnet_r18_cirkd.py", "../_base_/seg/loss_skd_rerun.py"]
model = dict(losses={{_base_._skd}}, example=dict(size=(512, 512)))  # the critic wants maps of 64x64
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic=[])
