# The general methods on handwritten digits: a testbed that runs in minutes, not a benchmark of any paper.
title = "Handwritten digits (scikit-learn)"
protocol = "ResNet of 687k parameters -> CNN of 496; 1000 iterations of 64, last checkpoint, 596 test images"
split = "test"
metrics = ["accuracy", "ece", "nll"]
lower_is_better = ["ece", "nll"]
seeds = [0, 1, 2, 3, 4]
baseline = "CE"
rows = [
    dict(name="teacher", config="configs/common/teacher_digits.py", seeds=[0]),
    dict(name="CE", config="configs/common/student_digits.py"),
    dict(name="KD", config="configs/common/kd_digits.py", teachers=dict(teacher="teacher")),
    dict(name="DKD", config="configs/common/dkd_digits.py", teachers=dict(teacher="teacher")),
    dict(name="NKD", config="configs/common/nkd_digits.py", teachers=dict(teacher="teacher")),
    dict(name="DIST", config="configs/common/dist_digits.py", teachers=dict(teacher="teacher")),
    dict(name="LSKD", config="configs/common/lskd_digits.py", teachers=dict(teacher="teacher")),
    dict(name="WSLD", config="configs/common/wsld_digits.py", teachers=dict(teacher="teacher")),
    dict(name="AT", config="configs/common/at_digits.py", teachers=dict(teacher="teacher")),
    dict(name="FitNet", config="configs/common/fitnet_digits.py", teachers=dict(teacher="teacher")),
    dict(name="RKD", config="configs/common/rkd_digits.py", teachers=dict(teacher="teacher")),
    dict(name="SP", config="configs/common/sp_digits.py", teachers=dict(teacher="teacher")),
    dict(name="PKD", config="configs/common/pkd_digits.py", teachers=dict(teacher="teacher")),
    dict(name="VID", config="configs/common/vid_digits.py", teachers=dict(teacher="teacher")),
    dict(name="MGD", config="configs/common/mgd_digits.py", teachers=dict(teacher="teacher")),
    dict(name="CRD", config="configs/common/crd_digits.py", teachers=dict(teacher="teacher")),
    dict(name="ReviewKD", config="configs/common/reviewkd_digits.py", teachers=dict(teacher="teacher")),
    dict(name="USKD", config="configs/common/uskd_digits.py", note="from itself, without a teacher."),
    dict(name="DML", config="configs/common/dml_digits.py", note="two students, without a teacher."),
    dict(name="FFL", config="configs/common/ffl_digits.py", note="two students, without a teacher."),
    dict(name="mean teacher", config="configs/common/ema_digits.py", note="its own running mean as the teacher."),
]
