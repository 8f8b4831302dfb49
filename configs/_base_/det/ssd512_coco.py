# SSD512 with GAN-KD's six maps (512, 1024, 512, 512, 256, 256 channels at strides 16 to 512), for backbones that end at
# strides 16 and 32, on COCO. Data and schedule are mmdet's: 24 epochs of the set five times over, batch 64.
_base_ = ["mmdet::ssd/ssd512_coco.py", "./suite.py"]
_channels = (512, 1024, 512, 512, 256, 256)
model = dict(
    data_preprocessor=dict(std=[58.395, 57.12, 57.375]),  # 1 in mmdet's, for VGG
    neck=dict(
        _delete_=True,
        type="ProjectedSSDNeck",
        in_channels=(512, 1024),  # each backbone sets its own
        out_channels=_channels,
        level_strides=(2, 2, 2, 2),
        level_paddings=(1, 1, 1, 1),
        l2_norm_scale=None,
    ),
    bbox_head=dict(
        in_channels=_channels,
        anchor_generator=dict(strides=[16, 32, 64, 128, 256, 512], ratios=[[2], [2, 3], [2, 3], [2, 3], [2], [2]]),
    ),
)
train_dataloader = dict(batch_size=64)  # on one GPU; on N GPUs divide by N
