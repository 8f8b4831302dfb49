# The student alone, MobileNetV2, as the authors of KD-Loss train their base line, on faces68: L2 to the points, from
# random weights.
_base_ = ["../_base_/landmarks/runtime.py", "../_base_/landmarks/faces68.py"]
model = dict(
    type="LandmarkModel",
    network=dict(type="PointRegressor", backbone="mobilenet_v2", num_points=68),  # alpha 1.0, no dropout
    loss="mse",
)
# Starting at the mean face saves hundreds of iterations (ours).
custom_hooks = [dict(type="ShapeModelHook"), dict(type="MeanFaceHook")]
