# The teacher of the testbed: a small ResNet on handwritten digits.
_base_ = ["../_base_/common/runtime.py", "../_base_/common/digits.py"]
model = dict(type="Classifier", network=dict(type="SmallResNet", widths=(32, 64, 128), blocks=2))
