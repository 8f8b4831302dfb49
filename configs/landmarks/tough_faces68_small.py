# Tough teacher: MobileNetV2 of 1.4 times its width on the labelled points, from random weights, on faces68 at 64
# pixels. EfficientNet-B3, the authors' teacher, wants its ImageNet weights: from random ones it was still at the mean
# face (22 % of the distance of the eyes) after 1,290 iterations at a learning rate of 1e-3, and after 200 at 4e-3.
_base_ = "./student_faces68_small.py"
model = dict(network=dict(options=dict(width_mult=1.4)))
