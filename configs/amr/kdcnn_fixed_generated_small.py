# KD-CNN on the small generated set as the frames lie in the file, every time the same.
_base_ = "./kdcnn_generated_small.py"
model = dict(data_preprocessor=dict(augment=None))
