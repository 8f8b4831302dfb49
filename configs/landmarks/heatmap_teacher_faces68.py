# MobileFAN's teacher (Zhao et al., Pattern Recognition 2020): ResNet-50 and three transposed convolutions, on faces68.
_base_ = "./heatmap_student_faces68.py"
model = dict(network=dict(backbone="resnet50", channels=256))
