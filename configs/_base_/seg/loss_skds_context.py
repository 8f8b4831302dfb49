# For crops of 480x480: class scores of 60x60 are too small for the critic of four blocks, so that its first one, of 64
# channels, is left out (ours).
_base_ = "./loss_skds.py"
_skds = dict(holistic=dict(widths=(128, 256, 512), attention=(2, 3)))
