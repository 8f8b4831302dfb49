# The student alone on a folder of one's own: MobileNetV2 from ImageNet weights, which are fetched on first use
# (--no-pretrained starts at random). num_points is the "points" of scheme.json; the other configs take it from here.
_base_ = ["../_base_/landmarks/runtime.py", "../_base_/landmarks/own.py"]
model = dict(
    type="LandmarkModel",
    network=dict(type="PointRegressor", backbone="mobilenet_v2", weights="IMAGENET1K_V1", num_points=5),
    loss="mse",
)
# Starting at the mean face saves hundreds of iterations (ours).
custom_hooks = [dict(type="ShapeModelHook"), dict(type="MeanFaceHook")]
