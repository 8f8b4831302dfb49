# The student alone on the small set with clean labels.
_base_ = "./student_deeplab_noisy.py"
train_dataloader = dict(dataset=dict(ann_file="clean.txt"))
