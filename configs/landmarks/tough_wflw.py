# Tough teacher: EfficientNet-B3 on the labelled points, from random weights, on WFLW.
_base_ = "./student_wflw.py"
model = dict(network=dict(backbone="efficientnet_b3", dropout=0.5))  # dropout as the authors have it
