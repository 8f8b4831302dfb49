# Frames of your own. Three lines to set; the classes' names come from the file:
_file = "data/own/frames.h5"  # HDF5 or a RadioML pickle, see common/frame_files.py
_num_classes = 5
_length = 128  # samples in a frame
# One network alone can do without: --data-root FILE --cfg-options model.network.num_classes=5 model.network.length=128
_base_ = "./frames.py"
_data = dict(
    type="SignalDataset",
    data_root=_file,
    classes=None,  # the names in the order of the labels' numbers or columns, if the file does not have them
    split=dict(name="60/20/20", seed=2016),  # of the frames of each modulation at each SNR, as is usual
)
train_dataloader = dict(batch_size=256, dataset=dict(**_data, part="train"))
val_dataloader = dict(dataset=dict(**_data, part="val"))
test_dataloader = dict(dataset=dict(**_data, part="test"))
model = dict(
    # A small set is learnt by heart unless its frames are turned; None for millions of frames, or a known phase.
    data_preprocessor=dict(augment=dict(type="IQAugment", phase=True)),
    network=dict(num_classes=_num_classes, length=_length),
)
# Schedule (ours); 4000 iterations are 26 epochs of 39,600 frames.
train_cfg = dict(max_iters=4000, val_interval=2000)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=200, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
