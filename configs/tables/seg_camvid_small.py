# The small CamVid runs: what a CPU can do. Not a protocol of a paper; no published figure belongs beside it.
title = "CamVid, small networks"
protocol = (
    "367 train and 173 test frames read at 240x180, crop 180x180, batch 8, students 400 and "
    "the teacher 500 iterations, scored at 480x360; last checkpoint"
)
split = "test"
metrics = ["mIoU", "boundary_F", "boundary_IoU", "trimap_IoU_3", "trimap_IoU_10"]
seeds = [0, 1, 2]
baseline = "student alone"
rows = [
    dict(
        name="teacher",
        config="configs/seg/teacher_deeplab_camvid_small.py",
        seeds=[0],
        note="EfficientNet-Lite0 with ImageNet weights; one teacher serves every arm.",
    ),
    dict(name="student alone", config="configs/seg/student_deeplab_camvid_small.py"),
    dict(name="KD", config="configs/seg/kd_deeplab_camvid_small.py", teachers=dict(teacher="teacher")),
    dict(name="CWD", config="configs/seg/cwd_deeplab_camvid_small.py", teachers=dict(teacher="teacher")),
    dict(
        name="BPKD",
        config="configs/seg/bpkd_deeplab_camvid_small.py",
        teachers=dict(teacher="teacher"),
        note="its edge weight was chosen on generated scenes; KD and CWD keep published weights.",
    ),
    dict(
        name="ACAM-KD",
        config="configs/seg/acam_deeplab_camvid_small.py",
        teachers=dict(teacher="teacher"),
        note="a reconstruction; weights of the paper.",
    ),
]
