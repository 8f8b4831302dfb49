# IFVD (Wang et al., ECCV 2020) on Pascal Context: HRNetV2-W48 -> W18 small. BPKD's table: 40.62 -> 41.55 mIoU.
_base_ = ["../_base_/seg/pair_hrnet_context.py", "../_base_/seg/loss_ifvd_context.py"]
model = dict(losses={{_base_._ifvd}}, example=dict(size=(128, 128)))  # the critic wants maps of 32x32
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic={{_base_._critic_schedule}})
