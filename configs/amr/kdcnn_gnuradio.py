# KD-CNN, our reading of the name, on frames made with GNU Radio; trained on generated ones.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/gnuradio.py", "../_base_/amr/adam.py"]
model = dict(network=dict(type="KDCNN"))
