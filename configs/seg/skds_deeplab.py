# SKDS (Liu et al., CVPR 2019) on Cityscapes: DeepLabV3+ R101 -> MobileNetV2. BPKD's table: 75.29 -> 76.05 mIoU.
_base_ = ["../_base_/seg/pair_deeplab_cityscapes.py", "../_base_/seg/loss_skds.py"]
model = dict(losses={{_base_._skds}}, example=dict(size=(512, 512)))  # the critic wants maps of 64x64
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic={{_base_._critic_schedule}})
