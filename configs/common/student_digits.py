# The student alone: three convolutions of 2, 4 and 8 channels, 496 parameters.
_base_ = ["../_base_/common/runtime.py", "../_base_/common/digits.py"]
model = dict(type="Classifier", network=dict(type="SmallCNN", widths=(2, 4, 8)))
