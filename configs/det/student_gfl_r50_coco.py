# GFL R50 alone on COCO, 12 epochs: 40.2 AP in mmdet's metafile.
_base_ = ["mmdet::gfl/gfl_r50_fpn_1x_coco.py", "../_base_/det/suite.py"]
auto_scale_lr = dict(enable=True)  # the learning rate is for 16 images a step: 8 GPUs with 2 each
