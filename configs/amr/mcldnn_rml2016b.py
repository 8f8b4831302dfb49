# MCLDNN, on RadioML 2016.10B.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/rml2016b.py", "../_base_/amr/adam.py"]
model = dict(network=dict(type="MCLDNN"))
