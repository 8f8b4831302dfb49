# KD-CNN with up to three times the width, the teacher of the small generated set: on 39,600 frames it learns more in an
# hour of one core than ClST does (both are rows of configs/tables/amr_generated_small.py).
_base_ = "./kdcnn_generated_small.py"
model = dict(network=dict(widths=(64, 96, 128, 192)))
train_cfg = dict(max_iters=6000)
