# Tough teacher: EfficientNet-B3 on the labelled points, from random weights, on 300W.
_base_ = "./student_w300.py"
model = dict(network=dict(backbone="efficientnet_b3", dropout=0.5))  # dropout as the authors have it
