# The pairwise-frame term alone on generated street video. See ../_base_/seg/loss_stkd.py.
_base_ = ["../_base_/seg/pair_video.py", "../_base_/seg/loss_stkd.py"]
model = dict(
    losses=dict(
        frames={{_base_._stkd.frames}},
    )
)
