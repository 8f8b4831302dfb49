# With CamVid's 11 classes.
_base_ = "./loss_cirkd.py"
_cirkd = dict(memory=dict(num_classes=11))
