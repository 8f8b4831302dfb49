# The student alone on the large set of generated street scenes, whose labels are noisy (docs/noisy_labels.md).
_base_ = "./student_deeplab_mini.py"
_data = dict(data_root="{{$NOISY_STREET_ROOT:data/synthetic_street_noisy}}")
train_dataloader = dict(dataset=dict(**_data, ann_file="noisy.txt"))
val_dataloader = dict(dataset=dict(**_data))  # clean labels, as for the test
test_dataloader = dict(dataset=dict(**_data))
