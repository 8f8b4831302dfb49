# KD-CNN, our reading of the name, on frames of your own: set three lines in configs/_base_/amr/own.py.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/own.py", "../_base_/amr/adam.py"]
model = dict(network=dict(type="KDCNN"))
