# A ClST-style reconstruction of 0.39 million parameters, on RadioML 2016.10A.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/rml2016a.py", "../_base_/amr/adamw.py"]
model = dict(network=dict(type="ClST", size="xs"))
