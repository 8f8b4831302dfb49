# Supervised domain adaptation (Neupane et al., 2023): a student that has learnt from noisy labels goes on with the
# small clean set. That all of its layers are trained, the iterations and the learning rate are ours.
_base_ = "./student_deeplab_clean.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    start="work_dirs/student_deeplab_noisy/iter_300.pth",
)
train_cfg = dict(max_iters=100, val_interval=100)
optim_wrapper = dict(optimizer=dict(lr=0.0005))  # a quarter of what it was trained with
param_scheduler = [dict(type="PolyLR", eta_min=0.0, power=0.9, begin=0, end=100, by_epoch=False)]
