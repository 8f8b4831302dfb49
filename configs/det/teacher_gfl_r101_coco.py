# A teacher of the COCO runs: GFL R101. Public weights: 44.7 AP in mmdet's metafile.
_base_ = ["mmdet::gfl/gfl_r101_fpn_ms-2x_coco.py", "../_base_/det/suite.py"]
auto_scale_lr = dict(enable=True)  # the learning rate is for 16 images a step: 8 GPUs with 2 each
