# A teacher of the COCO runs: FCOS R101 (caffe style). Public weights: 40.8 AP in mmdet's metafile.
_base_ = ["mmdet::fcos/fcos_r101-caffe_fpn_gn-head_ms-640-800-2x_coco.py", "../_base_/det/suite.py"]
auto_scale_lr = dict(enable=True)  # the learning rate is for 16 images a step: 8 GPUs with 2 each
