# CIRKD (Yang et al., CVPR 2022) on Pascal Context: HRNetV2-W48 -> W18 small. BPKD's table: 40.62 -> 42.02 mIoU.
_base_ = ["../_base_/seg/pair_hrnet_context.py", "../_base_/seg/loss_cirkd_context.py"]
model = dict(
    losses=dict(
        kd={{_base_._cirkd.kd}},
        minibatch=dict(
            type="CIRKDMinibatchLoss",
            student="features",
            teacher="features",
            temperature=0.1,
            pool=2,  # as the authors have it for maps at stride 4, those of SegFormer
        ),
        memory={{_base_._cirkd.memory}},
    )
)
