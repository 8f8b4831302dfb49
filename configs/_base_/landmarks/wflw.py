# WFLW: WFLW_images and WFLW_annotations in data/wflw; 7,500 faces, a tenth of which validates, and 2,500.
_base_ = "./kd_loss.py"
_data = dict(type="WFLW", data_root="data/wflw")
# The authors' copies of faces with an attribute, 20, 7, 2, 2, 8 and 2 beside the 5 of every face, as draws.
_more = {"pose": 4.0, "expression": 1.4, "illumination": 0.4, "make-up": 0.4, "occlusion": 1.6, "blur": 0.4}
train_dataloader = dict(dataset=dict(**_data, oversample=_more))
val_dataloader = dict(dataset=_data)
test_dataloader = dict(dataset=_data)
# 150 epochs of the authors' 5 stored views of a face, in whose place new ones come: 150 * 5 * 7500 / 70 iterations.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=80000, val_interval=8000)
