# KD-MobileNet, our reading of the name, on the small generated set.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/generated_small.py", "../_base_/amr/adam.py"]
model = dict(network=dict(type="KDMobileNet"))
