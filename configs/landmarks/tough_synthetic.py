# Tough teacher: MobileNetV2 on the labelled points, on generated faces. EfficientNet-B3, which the benchmarks have,
# needs four times as long.
_base_ = "./student_synthetic.py"
model = dict(network=dict(options=dict(width_mult=1.0), dropout=0.2))
