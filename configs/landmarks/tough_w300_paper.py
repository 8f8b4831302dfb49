# Tough teacher in its authors' crops of 300W; see student_w300_paper.py.
_base_ = "./tough_w300.py"
_authors = dict(dataset=dict(stretch=10))
train_dataloader = _authors
val_dataloader = _authors
test_dataloader = _authors
