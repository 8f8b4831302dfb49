# RepPoints R50 alone on COCO, 24 epochs: 38.6 AP in mmdet's metafile.
_base_ = ["mmdet::reppoints/reppoints-moment_r50_fpn-gn_head-gn_2x_coco.py", "../_base_/det/suite.py"]
auto_scale_lr = dict(enable=True)  # the learning rate is for 16 images a step: 8 GPUs with 2 each
