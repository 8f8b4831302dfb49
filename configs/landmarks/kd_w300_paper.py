# KD-Loss, both teachers, in its authors' crops of 300W; see student_w300_paper.py.
_base_ = "./kd_w300.py"
_authors = dict(dataset=dict(stretch=10))
train_dataloader = _authors
val_dataloader = _authors
test_dataloader = _authors
model = dict(
    teachers=dict(
        tough=dict(
            config="{{ fileDirname }}/tough_w300_paper.py",
            checkpoint="work_dirs/tough_w300_paper/iter_40500.pth",
        ),
        tolerant=dict(
            config="{{ fileDirname }}/tolerant_w300_paper.py",
            checkpoint="work_dirs/tolerant_w300_paper/iter_40500.pth",
        ),
    ),
)
