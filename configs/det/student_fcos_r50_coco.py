# FCOS R50 (caffe style) alone on COCO, 24 epochs of two scales: 38.5 AP in mmdet's metafile.
_base_ = ["mmdet::fcos/fcos_r50-caffe_fpn_gn-head_ms-640-800-2x_coco.py", "../_base_/det/suite.py"]
auto_scale_lr = dict(enable=True)  # the learning rate is for 16 images a step: 8 GPUs with 2 each
