# The branch of convolutions of the teacher on generated street video: DeepLabV3+ on a ResNet-18 of half width.
_base_ = "./student_deeplab_video.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="ResNetV1c",
        depth=18,
        base_channels=32,
        stem_channels=32,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        contract_dilation=True,
        norm_cfg=dict(type="BN", requires_grad=True),
    ),
    decode_head=dict(in_channels=256, c1_in_channels=32, channels=128),
    auxiliary_head=dict(in_channels=128, channels=64),
)
