# RetinaNet R18 alone on COCO, 12 epochs: 31.7 AP in mmdet's metafile.
_base_ = ["mmdet::retinanet/retinanet_r18_fpn_1x_coco.py", "../_base_/det/suite.py"]
auto_scale_lr = dict(enable=True)  # the learning rate is for 16 images a step: 8 GPUs with 2 each
