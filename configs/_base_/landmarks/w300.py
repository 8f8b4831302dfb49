# 300W: afw, helen, lfpw and ibug in data/300w; 3,148 faces to train on, a tenth of which validates, 689 to test on.
_base_ = "./kd_loss.py"
_data = dict(type="W300", data_root="data/300w")
train_dataloader = dict(dataset=_data)
val_dataloader = dict(dataset=_data)
test_dataloader = dict(dataset=_data)
# 150 epochs of the authors' 6 stored views of a face, in whose place new ones come: 150 * 6 * 3148 / 70 iterations.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=40500, val_interval=4050)
