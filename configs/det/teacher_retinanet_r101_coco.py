# A teacher of the COCO runs: RetinaNet R101. Public weights: 38.9 AP in mmdet's metafile.
_base_ = ["mmdet::retinanet/retinanet_r101_fpn_2x_coco.py", "../_base_/det/suite.py"]
auto_scale_lr = dict(enable=True)  # the learning rate is for 16 images a step: 8 GPUs with 2 each
