# RML22, the corrected 2016.10A: 10 modulations at 21 SNRs, 2000 frames of 128 samples each.
_base_ = "./frames.py"
_data = dict(
    type="RML22",
    data_root="data/rml22",
    ann_file="RML22.pkl",  # whatever yours is called
    split=dict(name="60/20/20", seed=2016),  # of the frames of each modulation at each SNR, as is usual
)
train_dataloader = dict(dataset=dict(**_data, part="train"))
val_dataloader = dict(dataset=dict(**_data, part="val"))
test_dataloader = dict(dataset=dict(**_data, part="test"))
model = dict(network=dict(num_classes=10, length=128))
# Schedule (ours): 30 epochs of 252,000 / 400 = 630 iterations; a cosine to zero, with warm-up over a twentieth.
train_cfg = dict(max_iters=18900, val_interval=1890)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=945, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
