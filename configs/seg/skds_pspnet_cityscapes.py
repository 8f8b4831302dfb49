# SKDS (Liu et al., CVPR 2019) on Cityscapes: PSPNet R101 -> R18. BPKD's table: 74.23 -> 76.13 mIoU.
_base_ = ["../_base_/seg/pair_pspnet_cityscapes.py", "../_base_/seg/loss_skds.py"]
model = dict(losses={{_base_._skds}}, example=dict(size=(512, 512)))  # the critic wants maps of 64x64
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic={{_base_._critic_schedule}})
