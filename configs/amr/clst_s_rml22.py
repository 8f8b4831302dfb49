# A ClST-style reconstruction of 0.75 million parameters, on RML22.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/rml22.py", "../_base_/amr/adamw.py"]
model = dict(network=dict(type="ClST", size="s"))
