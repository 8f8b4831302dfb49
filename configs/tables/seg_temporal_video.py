# Spatio-temporal consistency distillation on generated video, sized for two cores. No published figure belongs here.
title = "Generated street video, mIoU and temporal consistency"
protocol = (
    "40 clips of 12 frames of 160x120 to train on, 12 to test, crop 96x128, batch 8, 500 iterations for every network; "
    "TC and flicker with exact flow, where both frames show the same surface; last checkpoint"
)
split = "test"
metrics = ["mIoU", "TC", "flicker", "boundary_F"]
lower_is_better = ["flicker"]
seeds = [0, 1, 2]
baseline = "student alone"
rows = [
    dict(name="teacher, convolutions", config="configs/seg/teacher_deeplab_video.py", seeds=[0]),
    dict(name="teacher, attention", config="configs/seg/teacher_segformer_video.py", seeds=[0]),
    dict(name="student alone", config="configs/seg/student_deeplab_video.py"),
    dict(name="+ temporal loss", config="configs/seg/temporal_deeplab_video.py"),
    dict(
        name="+ GAN",
        config="configs/seg/gan_deeplab_video.py",
        teachers={"teacher.model.cnn": "teacher, convolutions", "teacher.model.transformer": "teacher, attention"},
    ),
    dict(
        name="+ pixels",
        config="configs/seg/kd_deeplab_video.py",
        teachers={"teacher.model.cnn": "teacher, convolutions", "teacher.model.transformer": "teacher, attention"},
    ),
    dict(
        name="+ pixels and pairs",
        config="configs/seg/pair_deeplab_video.py",
        teachers={"teacher.model.cnn": "teacher, convolutions", "teacher.model.transformer": "teacher, attention"},
    ),
    dict(
        name="+ pairs of frames",
        config="configs/seg/frames_deeplab_video.py",
        teachers={"teacher.model.cnn": "teacher, convolutions", "teacher.model.transformer": "teacher, attention"},
    ),
    dict(
        name="+ all",
        config="configs/seg/stkd_deeplab_video.py",
        teachers={"teacher.model.cnn": "teacher, convolutions", "teacher.model.transformer": "teacher, attention"},
    ),
]
