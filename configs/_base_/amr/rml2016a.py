# RadioML 2016.10A: 11 modulations at 20 SNRs, 1000 frames of 128 samples each.
_base_ = "./frames.py"
_data = dict(
    type="RML2016A",
    data_root="data/rml2016a",
    ann_file="RML2016.10a_dict.pkl",  # or else the archive RML2016.10a.tar.bz2 beside it
    split=dict(name="60/20/20", seed=2016),  # of the frames of each modulation at each SNR, as is usual
)
train_dataloader = dict(dataset=dict(**_data, part="train"))
val_dataloader = dict(dataset=dict(**_data, part="val"))
test_dataloader = dict(dataset=dict(**_data, part="test"))
model = dict(network=dict(num_classes=11, length=128))
# Schedule (ours): 60 epochs of 132,000 / 400 = 330 iterations; a cosine to zero, with warm-up over a twentieth.
train_cfg = dict(max_iters=19800, val_interval=1980)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=990, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
