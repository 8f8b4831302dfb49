# MobileFAN-type (after Zhao et al., Pattern Recognition 2020), on faces68: the maps after each transposed convolution,
# and how alike their positions are, from a teacher that gives heat maps. The authors' weights of 0.01 are 1 here, where
# the loss of the labels is 100 times theirs; upsampling by 4 x 4 kernels and a random start are ours.
_base_ = "./heatmap_student_faces68.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/heatmap_teacher_faces68.py",
            checkpoint="work_dirs/heatmap_teacher_faces68/iter_10000.pth",
        ),
    ),
    taps=dict(maps=["network.upsampling.0", "network.upsampling.1", "network.upsampling.2"]),
    losses=dict(
        pixel=dict(type="fitnet_loss", student="maps", teacher="maps", adapter="conv1x1", weight=1.0),
        pair=dict(type="skd_pairwise_loss", student="maps", teacher="maps", scale=1.0, weight=1.0),
    ),
    example=dict(type="FaceExample"),
)
