# Teacher of the generated scenes: the student's RetinaNet on MobileNetV2 of its full width, trained for longer.
_base_ = "./student_retinanet_synthetic.py"
model = dict(backbone=dict(widen_factor=1.0), neck=dict(in_channels=[32, 96, 320]))
train_cfg = dict(max_iters=1500, val_interval=1500)
