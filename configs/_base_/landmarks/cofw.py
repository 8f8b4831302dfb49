# COFW: COFW_train_color.mat and COFW_test_color.mat in data/cofw; 1,345 faces, a tenth of which validates, and 507.
_base_ = "./kd_loss.py"
_data = dict(type="COFW", data_root="data/cofw")
train_dataloader = dict(dataset=_data)
val_dataloader = dict(dataset=_data)
test_dataloader = dict(dataset=_data)
# 150 epochs of the authors' 10 stored views of a face, in whose place new ones come: 150 * 10 * 1345 / 70 iterations.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=29000, val_interval=2900)
