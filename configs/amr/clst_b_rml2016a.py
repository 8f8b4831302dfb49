# A ClST-style reconstruction of 3.8 million parameters, on RadioML 2016.10A.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/rml2016a.py", "../_base_/amr/adamw.py"]
model = dict(network=dict(type="ClST", size="b"))
