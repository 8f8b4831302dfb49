# A ClST-style reconstruction of 0.39 million parameters, on the small generated set.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/generated_small.py", "../_base_/amr/adamw.py"]
model = dict(network=dict(type="ClST", size="xs"))
