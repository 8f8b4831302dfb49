# A teacher of the COCO runs: RetinaNet X101-64x4d. Public weights: 41.0 AP in mmdet's metafile.
_base_ = ["mmdet::retinanet/retinanet_x101-64x4d_fpn_1x_coco.py", "../_base_/det/suite.py"]
auto_scale_lr = dict(enable=True)  # the learning rate is for 16 images a step: 8 GPUs with 2 each
