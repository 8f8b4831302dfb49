# The teacher on the large set with noisy labels.
_base_ = "./teacher_deeplab_mini.py"
_data = dict(data_root="{{$NOISY_STREET_ROOT:data/synthetic_street_noisy}}")
train_dataloader = dict(dataset=dict(**_data, ann_file="noisy.txt"))
val_dataloader = dict(dataset=dict(**_data))
test_dataloader = dict(dataset=dict(**_data))
