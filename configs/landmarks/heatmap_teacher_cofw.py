# MobileFAN's teacher (Zhao et al., Pattern Recognition 2020): ResNet-50 and three transposed convolutions, on COFW.
_base_ = "./heatmap_student_cofw.py"
model = dict(network=dict(backbone="resnet50", channels=256))
