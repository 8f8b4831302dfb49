# All terms of spatio-temporal consistency distillation on generated street video. See ../_base_/seg/loss_stkd.py.
_base_ = ["../_base_/seg/pair_video.py", "../_base_/seg/loss_stkd.py"]
model = dict(
    losses=dict(
        pixel={{_base_._stkd.pixel}},
        pair_cnn={{_base_._stkd.pair_cnn}},
        pair_transformer={{_base_._stkd.pair_transformer}},
        holistic={{_base_._stkd.holistic}},
        temporal={{_base_._stkd.temporal}},
        frames={{_base_._stkd.frames}},
    )
)
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic={{_base_._critic}},
)
param_scheduler = dict(_delete_=True, student={{_base_.param_scheduler}}, critic=[])
