# A ClST-style reconstruction of 0.75 million parameters, on frames made with GNU Radio; trained on generated ones.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/gnuradio.py", "../_base_/amr/adamw.py"]
model = dict(network=dict(type="ClST", size="s"))
