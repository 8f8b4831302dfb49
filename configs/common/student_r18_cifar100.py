# ResNet-18 with a 3 x 3 stem on CIFAR-100.
_base_ = ["../_base_/common/runtime.py", "../_base_/common/cifar100.py"]
model = dict(
    type="Classifier",
    network=dict(type="torchvision_network", name="resnet18", num_classes=100, small_images=True),
    data_preprocessor=dict(type="ImgDataPreprocessor", mean=[129.304, 124.070, 112.434], std=[68.170, 65.392, 70.418]),
)
