# With Pascal Context's 59 classes, and a critic for class scores of 60x60: see loss_skds_context.py.
_base_ = "./loss_ifvd.py"
_ifvd = dict(
    pixel=dict(weight=10 / 59),
    variation=dict(num_classes=59),
    holistic=dict(widths=(128, 256, 512), attention=(2, 3)),
)
