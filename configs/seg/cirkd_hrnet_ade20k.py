# CIRKD (Yang et al., CVPR 2022) on ADE20K: HRNetV2-W48 -> W18 small. BPKD's table: 31.38 -> 33.06 mIoU.
_base_ = ["../_base_/seg/pair_hrnet_ade20k.py", "../_base_/seg/loss_cirkd_ade20k.py"]
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
