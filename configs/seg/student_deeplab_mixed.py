# The student alone on both sets at once, as long as noisy training and fine-tuning take together.
_base_ = "./student_deeplab_noisy.py"
train_dataloader = dict(dataset=dict(ann_file="mixed.txt"))
train_cfg = dict(max_iters=400, val_interval=400)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=50, by_epoch=False),
    dict(type="PolyLR", eta_min=0.0, power=0.9, begin=50, end=400, by_epoch=False),
]
