# Signals that are to be recognised in anybody's recordings: 14 modulations at -6..20 dB of true SNR, 4, 8 or 16
# samples a symbol, several roll-offs, carrier offsets; 300 frames of 256 samples of each modulation at each SNR:
#   python data_prep/amr/generate.py --preset wide --mods 10a,OOK,OQPSK,GMSK --snrs=-6:20:2 --frames 300 --length 256 \
#       --sps 4,8,16 --out data/amr/wide.h5
_base_ = "./frames.py"
_mods = (
    *("8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"),
    *("GMSK", "OOK", "OQPSK"),
)
_data = dict(
    type="SignalDataset",
    data_root="data/amr",
    ann_file="wide.h5",
    mods=_mods,
    split=dict(name="60/20/20", seed=2016),
)
train_dataloader = dict(batch_size=256, dataset=dict(**_data, part="train"))
val_dataloader = dict(dataset=dict(**_data, part="val"))
test_dataloader = dict(dataset=dict(**_data, part="test"))
model = dict(network=dict(num_classes=14, length=256))
# Schedule (ours): 35,280 / 256 = 138 iterations are an epoch.
train_cfg = dict(max_iters=2000, val_interval=1000)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=100, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
