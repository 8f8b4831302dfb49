# RadioML 2016.10B: 10 modulations at 20 SNRs, 6000 frames of 128 samples each.
_base_ = "./frames.py"
_data = dict(
    type="RML2016B",
    data_root="data/rml2016b",
    ann_file="RML2016.10b.dat",
    split=dict(name="60/20/20", seed=2016),  # of the frames of each modulation at each SNR, as is usual
)
train_dataloader = dict(dataset=dict(**_data, part="train"))
val_dataloader = dict(dataset=dict(**_data, part="val"))
test_dataloader = dict(dataset=dict(**_data, part="test"))
model = dict(network=dict(num_classes=10, length=128))
# Schedule (ours): 20 epochs of 720,000 / 400 = 1800 iterations; a cosine to zero, with warm-up over a twentieth.
train_cfg = dict(max_iters=36000, val_interval=3600)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=1800, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
