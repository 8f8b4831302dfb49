# IFVD (Wang et al., ECCV 2020) on ADE20K: DeepLabV3+ R101 -> MobileNetV2. BPKD's table: 31.56 -> 32.11 mIoU.
_base_ = ["../_base_/seg/pair_deeplab_ade20k.py", "../_base_/seg/loss_ifvd_ade20k.py"]
model = dict(losses={{_base_._ifvd}}, example=dict(size=(512, 512)))  # the critic wants maps of 64x64
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic={{_base_._critic_schedule}})
