# Generated faces with 68 points, with the crops and loaders of faces68_small.py, but 4 fixed views of each face.
#   python data_prep/landmarks/synthetic.py --train 1200 --val 150 --test 300 --out data/synthetic_faces
_base_ = "./faces68_small.py"
_data = dict(data_root="data/synthetic_faces")
train_dataloader = dict(dataset=dict(**_data, views=4))
val_dataloader = dict(dataset=_data)
test_dataloader = dict(dataset=_data)
# Schedule (ours): 43 epochs of 1,200 / 64 iterations, cosine to zero after a warm-up.
train_cfg = dict(max_iters=800, val_interval=400)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=40, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
