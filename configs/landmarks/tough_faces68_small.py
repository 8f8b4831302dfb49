# Tough teacher: EfficientNet-B3 on the labelled points, from random weights, on faces68 at 64 pixels.
_base_ = "./student_faces68_small.py"
model = dict(network=dict(backbone="efficientnet_b3", dropout=0.5))  # dropout as the authors have it
