# The student alone, MobileNetV2 of a third of its width, on generated faces: L2 to the points, from random weights.
_base_ = ["../_base_/landmarks/runtime.py", "../_base_/landmarks/synthetic.py"]
model = dict(
    type="LandmarkModel",
    network=dict(type="PointRegressor", backbone="mobilenet_v2", num_points=68, options=dict(width_mult=0.35)),
    loss="mse",
)
# Starting at the mean face saves hundreds of iterations (ours).
custom_hooks = [dict(type="ShapeModelHook"), dict(type="MeanFaceHook")]
