# SegFormer on MiT-B4 of mmseg.
_base_ = "./segformer_b0.py"
model = dict(
    backbone=dict(
        init_cfg=dict(
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/segformer/mit_b4_20220624-d588d980.pth"
        ),
        embed_dims=64,
        num_layers=[3, 8, 27, 3],
    ),
    decode_head=dict(in_channels=[64, 128, 320, 512]),
)
