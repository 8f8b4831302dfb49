# The CNN of RML22, on RadioML 2018.01A.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/rml2018a.py", "../_base_/amr/adam.py"]
model = dict(network=dict(type="RML22CNN"))
