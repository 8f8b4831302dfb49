# KD-Loss, both teachers, in its authors' crops of COFW; see student_cofw_paper.py.
_base_ = "./kd_cofw.py"
_authors = dict(dataset=dict(box="union", stretch=0))
train_dataloader = _authors
val_dataloader = _authors
test_dataloader = _authors
model = dict(
    teachers=dict(
        tough=dict(
            config="{{ fileDirname }}/tough_cofw_paper.py",
            checkpoint="work_dirs/tough_cofw_paper/iter_29000.pth",
        ),
        tolerant=dict(
            config="{{ fileDirname }}/tolerant_cofw_paper.py",
            checkpoint="work_dirs/tolerant_cofw_paper/iter_29000.pth",
        ),
    ),
)
