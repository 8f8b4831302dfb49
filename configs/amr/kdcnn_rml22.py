# KD-CNN, our reading of the name, on RML22.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/rml22.py", "../_base_/amr/adam.py"]
model = dict(network=dict(type="KDCNN"))
