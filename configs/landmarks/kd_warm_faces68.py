# KD-Loss for a student that starts from the one trained alone, as the authors' own runs did, on faces68.
_base_ = "./kd_faces68.py"
model = dict(start="work_dirs/student_faces68/iter_10000.pth")
