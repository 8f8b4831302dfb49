# RadioML 2018.01A: 24 modulations at 26 SNRs, 4096 frames of 1024 samples each; 20 GB, read frame by frame.
_base_ = "./frames.py"
_data = dict(
    type="RML2018A",
    data_root="data/rml2018a",
    ann_file="GOLD_XYZ_OSC.0001_1024.hdf5",
    split=dict(name="60/20/20", seed=2016),  # of the frames of each modulation at each SNR, as is usual
)
train_dataloader = dict(dataset=dict(**_data, part="train"))
val_dataloader = dict(dataset=dict(**_data, part="val"))
test_dataloader = dict(dataset=dict(**_data, part="test"))
model = dict(network=dict(num_classes=24, length=1024))
# Schedule (ours): 20 epochs of 1,533,792 / 400 = 3834 iterations; a cosine to zero, with warm-up over a twentieth.
train_cfg = dict(max_iters=76680, val_interval=7668)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=3834, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
