# KD-Loss for a student that starts from the one trained alone, as the authors' own runs did, on WFLW.
_base_ = "./kd_wflw.py"
model = dict(start="work_dirs/student_wflw/iter_80000.pth")
