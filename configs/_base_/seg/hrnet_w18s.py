# FCN on the small HRNetV2-W18, as mmseg's network of this name and BPKD's evaluation configs.
_base_ = "mmseg::_base_/models/fcn_hr18.py"
model = dict(
    pretrained="open-mmlab://msra/hrnetv2_w18_small",
    data_preprocessor=dict(size=(512, 1024)),
    backbone=dict(
        extra=dict(
            stage1=dict(num_blocks=(2,)),
            stage2=dict(num_blocks=(2, 2)),
            stage3=dict(num_modules=3, num_blocks=(2, 2, 2)),
            stage4=dict(num_modules=2, num_blocks=(2, 2, 2, 2)),
        )
    ),
)
