# A ClST-style reconstruction on signals of many rates, roll-offs and offsets.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/wide.py", "../_base_/amr/adamw.py"]
model = dict(network=dict(type="ClST", size="xs"))
