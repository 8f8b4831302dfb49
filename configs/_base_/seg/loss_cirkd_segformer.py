# As the authors have it for SegFormer: maps at stride 4 are pooled by 2 first, and 2000 pixels a class are remembered.
_base_ = "./loss_cirkd.py"
_cirkd = dict(minibatch=dict(pool=2), memory=dict(pixel_memory=2000))
