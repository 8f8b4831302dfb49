# With Pascal Context's 59 classes, and the 2000 pixels a class that the authors have for SegFormer: 20000 would be
# 2.7 GB.
_base_ = "./loss_cirkd.py"
_cirkd = dict(memory=dict(num_classes=59, pixel_memory=2000))
