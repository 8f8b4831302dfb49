# Heads of 512 and 256 channels: mmseg's stock network, which BPKD's evaluation configs have for ADE20K and Pascal
# Context. They narrow it for Cityscapes alone.
_base_ = "./deeplabv3plus_mv2.py"
model = dict(decode_head=dict(channels=512), auxiliary_head=dict(channels=256))
