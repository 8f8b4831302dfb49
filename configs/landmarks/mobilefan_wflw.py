# MobileFAN (Zhao et al., Pattern Recognition 2020): the maps after each transposed convolution, and how alike their
# positions are, from a teacher that gives heat maps, on WFLW. Weights 0.01 as in the authors' code.
_base_ = "./heatmap_student_wflw.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/heatmap_teacher_wflw.py",
            checkpoint="work_dirs/heatmap_teacher_wflw/iter_80000.pth",
        ),
    ),
    taps=dict(maps=["network.upsampling.0", "network.upsampling.1", "network.upsampling.2"]),
    losses=dict(
        pixel=dict(type="fitnet_loss", student="maps", teacher="maps", adapter="conv1x1", weight=0.01),
        pair=dict(type="skd_pairwise_loss", student="maps", teacher="maps", scale=1.0, weight=0.01),
    ),
    example=dict(type="FaceExample"),
)
