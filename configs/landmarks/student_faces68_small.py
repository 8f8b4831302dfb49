# The student alone, MobileNetV2 of half its width, on faces68 at 64 pixels: L2 to the points, as the authors of KD-Loss
# train their base line, from random weights.
_base_ = ["../_base_/landmarks/runtime.py", "../_base_/landmarks/faces68_small.py"]
model = dict(
    type="LandmarkModel",
    network=dict(type="PointRegressor", backbone="mobilenet_v2", num_points=68, options=dict(width_mult=0.5)),
    loss="mse",
)
# Starting at the mean face saves hundreds of iterations (ours).
custom_hooks = [dict(type="ShapeModelHook"), dict(type="MeanFaceHook")]
