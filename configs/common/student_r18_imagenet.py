# ResNet-18 on ImageNet.
_base_ = ["../_base_/common/runtime.py", "../_base_/common/imagenet.py"]
model = dict(
    type="Classifier",
    network=dict(type="torchvision_network", name="resnet18"),
    data_preprocessor=dict(type="ImgDataPreprocessor", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
)
