# Tough teacher: EfficientNet-B3 on the labelled points, from random weights, on faces68.
_base_ = "./student_faces68.py"
model = dict(network=dict(backbone="efficientnet_b3", dropout=0.5))  # dropout as the authors have it
