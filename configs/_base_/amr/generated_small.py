# As generated.py, sized for two cores: 300 frames of each modulation at each SNR, a new channel for each frame, so that
# frames of the parts share no noise. A minute:
#   python data_prep/amr/generate.py --preset rml2016 --no-frozen-channel --frames 300 --out data/amr/gen10a_small.h5
_base_ = "./generated.py"
_file = "gen10a_small.h5"
train_dataloader = dict(batch_size=256, dataset=dict(ann_file=_file))
val_dataloader = dict(dataset=dict(ann_file=_file))
test_dataloader = dict(dataset=dict(ann_file=_file))
# Every carrier phase is as likely as any other: without turning, the 39,600 frames are learnt by heart.
model = dict(data_preprocessor=dict(augment=dict(type="IQAugment", phase=True)))
# Schedule (ours): 4000 iterations are 26 epochs of 39,600 frames.
train_cfg = dict(max_iters=4000, val_interval=2000)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=200, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
