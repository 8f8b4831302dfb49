# The teacher for your own images: ResNet-50, from timm's ImageNet weights.
_base_ = ["../_base_/common/runtime.py", "../_base_/common/image_folder.py"]
model = dict(
    type="Classifier",
    network=dict(type="timm_network", name="resnet50", num_classes=10, pretrained=True),  # num_classes: yours
    data_preprocessor=dict(type="ImgDataPreprocessor", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
)
