# KD-Loss for a student that starts from the one trained alone, as the authors' own runs did, on 300W.
_base_ = "./kd_w300.py"
model = dict(start="work_dirs/student_w300/iter_40500.pth")
