# With ADE20K's 150 classes.
_base_ = "./loss_ifvd.py"
_ifvd = dict(pixel=dict(weight=10 / 150), variation=dict(num_classes=150))
