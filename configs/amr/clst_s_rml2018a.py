# A ClST-style reconstruction of 0.75 million parameters, on RadioML 2018.01A.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/rml2018a.py", "../_base_/amr/adamw.py"]
model = dict(network=dict(type="ClST", size="s"))
