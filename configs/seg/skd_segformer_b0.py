# SKD (Liu et al., CVPR 2019) on Cityscapes in CIRKD's protocol: SegFormer B4 -> B0. CIRKD's table: 75.58 -> 76.43 mIoU.
_base_ = ["../_base_/seg/pair_segformer_b0.py", "../_base_/seg/loss_skd_rerun.py"]
model = dict(losses={{_base_._skd}}, example=dict(size=(256, 256)))  # the critic wants maps of 64x64
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic=[])
