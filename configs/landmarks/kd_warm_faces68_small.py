# KD-Loss for a student that starts from the one trained alone, as the authors' own runs did, on faces68 at 64 pixels.
_base_ = "./kd_faces68_small.py"
model = dict(start="work_dirs/student_faces68_small/iter_1290.pth")
