# KD-Loss for a student that starts from the one trained alone, as the authors' own runs did, on generated faces.
_base_ = "./kd_synthetic.py"
model = dict(start="work_dirs/student_synthetic/iter_800.pth")
