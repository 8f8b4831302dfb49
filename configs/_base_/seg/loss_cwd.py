# Channel-wise distillation of the logits (Shu et al., ICCV 2021). Its authors' script for logits has temperature 4 and
# weight 3; mmrazor, which BPKD builds on, has 1 and 5 for PSPNet on Cityscapes (75.54 mIoU). BPKD does not say its own.
_cwd = dict(cwd=dict(type="CWDLoss", student="logits", teacher="logits", temperature=4.0, weight=3.0))
