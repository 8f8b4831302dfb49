# CIRKD (Yang et al., CVPR 2022) on CamVid in CIRKD's protocol: DeepLabV3-R101 -> DeepLabV3-R18. CIRKD's table: 66.92 ->
# 68.21 mIoU on test.
_base_ = ["../_base_/seg/pair_deeplabv3_r18_camvid.py", "../_base_/seg/loss_cirkd_camvid.py"]
model = dict(losses={{_base_._cirkd}})
