# A teacher of the COCO runs: Cascade Mask R-CNN X101-64x4d. Public weights: 45.6 AP in mmdet's metafile.
_base_ = ["mmdet::cascade_rcnn/cascade-mask-rcnn_x101-64x4d_fpn_20e_coco.py", "../_base_/det/suite.py"]
auto_scale_lr = dict(enable=True)  # the learning rate is for 16 images a step: 8 GPUs with 2 each
