# SKDS (Liu et al., CVPR 2019) on Pascal Context: DeepLabV3+ R101 -> MobileNetV2. BPKD's table: 41.01 -> 42.07 mIoU.
_base_ = ["../_base_/seg/pair_deeplab_context.py", "../_base_/seg/loss_skds_context.py"]
model = dict(losses={{_base_._skds}}, example=dict(size=(256, 256)))  # the critic wants maps of 32x32
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic={{_base_._critic_schedule}})
