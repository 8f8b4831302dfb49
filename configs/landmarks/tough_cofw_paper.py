# Tough teacher in its authors' crops of COFW; see student_cofw_paper.py.
_base_ = "./tough_cofw.py"
_authors = dict(dataset=dict(box="union", stretch=0))
train_dataloader = _authors
val_dataloader = _authors
test_dataloader = _authors
