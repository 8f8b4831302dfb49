# KD-Loss for a student that starts from the one trained alone, as the authors' own runs did, on COFW.
_base_ = "./kd_cofw.py"
model = dict(start="work_dirs/student_cofw/iter_29000.pth")
