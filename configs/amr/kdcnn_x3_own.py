# KD-CNN with up to three times the width, as a teacher for frames of your own (configs/_base_/amr/own.py).
_base_ = "./kdcnn_own.py"
model = dict(network=dict(widths=(64, 96, 128, 192)))
train_cfg = dict(max_iters=6000)
