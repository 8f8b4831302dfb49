# Pixel-wise and pair-wise distillation from two branches on generated street video. See ../_base_/seg/loss_stkd.py.
_base_ = ["../_base_/seg/pair_video.py", "../_base_/seg/loss_stkd.py"]
model = dict(
    losses=dict(
        pixel={{_base_._stkd.pixel}},
        pair_cnn={{_base_._stkd.pair_cnn}},
        pair_transformer={{_base_._stkd.pair_transformer}},
    )
)
