# For crops of 360x360: class scores of 45x45 are too small for the critic of four blocks; its first is left out (ours).
_base_ = "./loss_ifvd_rerun.py"
_ifvd = dict(adversarial=dict(widths=(128, 256, 512), attention=(2, 3)))
