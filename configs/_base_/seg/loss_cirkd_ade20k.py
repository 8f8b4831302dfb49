# With ADE20K's 150 classes, and the 2000 pixels a class that the authors have for SegFormer: 20000 would be 6.8 GB.
_base_ = "./loss_cirkd.py"
_cirkd = dict(memory=dict(num_classes=150, pixel_memory=2000))
