# KD-CNN by SKD on frames as they lie in the file: the teacher, trained on turned frames, answers once for each, and its
# answers are stored.
_base_ = "./skd_kdcnn_generated_small.py"
model = dict(
    student=dict(data_preprocessor=dict(augment=None)),
    teachers=dict(teacher=dict(cache="data/cache")),
)
