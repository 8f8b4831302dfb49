# KD-CNN on signals of many rates, roll-offs and offsets: the network that ships with the suite.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/wide.py", "../_base_/amr/adam.py"]
model = dict(network=dict(type="KDCNN"))
train_cfg = dict(max_iters=6000, val_interval=3000)
