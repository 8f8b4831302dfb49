# KD-CNN, our reading of the name, trained on frames made with GNU Radio and tested on generated ones.
_base_ = ["../_base_/amr/runtime.py", "../_base_/amr/from_gnuradio.py", "../_base_/amr/adam.py"]
model = dict(network=dict(type="KDCNN"))
