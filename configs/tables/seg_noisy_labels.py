# Much noisy and little clean labelling: fine-tuning (SDA) beside KD and DML. No published figure belongs beside it.
title = "Generated street scenes with label noise"
protocol = (
    "216 pictures of 160x120 with noisy labels, 24 with clean ones (data_prep/seg/label_noise.py), tested on clean "
    "ones; DeepLabV3+, student MobileNetV2 (quarter width), batch 8, 300 iterations, and 100 of fine-tuning where it "
    "says so"
)
split = "test"
metrics = ["mIoU", "boundary_F", "trimap_IoU_3"]
seeds = [0, 1, 2]
baseline = "noisy labels"
rows = [
    dict(name="teacher, noisy labels", config="configs/seg/teacher_deeplab_noisy.py", seeds=[0]),
    dict(name="noisy labels", config="configs/seg/student_deeplab_noisy.py"),
    dict(name="clean labels", config="configs/seg/student_deeplab_clean.py"),
    dict(name="both at once", config="configs/seg/student_deeplab_mixed.py", note="400 iterations"),
    dict(name="fine-tuned (SDA)", config="configs/seg/finetune_deeplab_noisy.py", start="noisy labels"),
    dict(name="KD", config="configs/seg/kd_deeplab_noisy.py", teachers=dict(teacher="teacher, noisy labels")),
    dict(name="DML", config="configs/seg/dml_deeplab_noisy.py"),
    dict(name="KD, fine-tuned", config="configs/seg/finetune_deeplab_noisy.py", start="KD"),
    dict(name="DML, fine-tuned", config="configs/seg/finetune_deeplab_noisy.py", start="DML"),
]
