# MobileFAN's student (Zhao et al., Pattern Recognition 2020): MobileNetV2 and three transposed convolutions, on WFLW.
_base_ = ["../_base_/landmarks/runtime.py", "../_base_/landmarks/wflw.py"]
model = dict(
    type="HeatmapModel",
    network=dict(type="HeatmapNetwork", backbone="mobilenetv2_100", num_points=98, channels=128),
)
