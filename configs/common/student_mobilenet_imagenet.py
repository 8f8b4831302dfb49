# MobileNet (V1) on ImageNet.
_base_ = ["../_base_/common/runtime.py", "../_base_/common/imagenet.py"]
model = dict(
    type="Classifier",
    network=dict(type="timm_network", name="mobilenetv1_100"),
    data_preprocessor=dict(type="ImgDataPreprocessor", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
)
