# SegFormer on MiT-B0 of mmseg, evaluated on whole pictures as in CIRKD's code (mmseg slides a window over them).
_base_ = "mmseg::_base_/models/segformer_mit-b0.py"
model = dict(
    data_preprocessor=dict(size=(1024, 1024)),
    backbone=dict(
        init_cfg=dict(
            type="Pretrained",  # on ImageNet; fetched on first use. Offline: --no-pretrained
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/segformer/mit_b0_20220624-7e0fe6dd.pth",
        )
    ),
)
