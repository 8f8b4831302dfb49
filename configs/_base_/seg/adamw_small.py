# Short runs on a CPU (ours): AdamW, a linear warm-up, poly 0.9 to zero. Each config sets the iterations.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=500, val_interval=500)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=0.002, weight_decay=0.01),
    clip_grad=dict(max_norm=10.0),  # every arm alike: BPKD's weights make the first steps' gradients large
)
