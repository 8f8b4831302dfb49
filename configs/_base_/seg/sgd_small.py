# Short runs on a CPU (ours): SGD with a linear warm-up and poly 0.9 to zero. Each config sets the iterations.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=600, val_interval=600)
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=0.0005),
    clip_grad=dict(max_norm=10.0),
)  # every arm alike: BPKD's weights of 20 and 50 make early steps large
