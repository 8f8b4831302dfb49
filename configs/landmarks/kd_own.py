# KD-Loss (Fard and Mahoor, CVIU 2022): a tough and a tolerant teacher for one student, on a folder of one's own.
_base_ = "./student_own.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student=dict(
        type="LandmarkModel",
        network={{_base_.model.network}},
        loss_weight=0,  # the loss below has the labels
    ),
    teachers=dict(
        tough=dict(
            config="{{ fileDirname }}/tough_own.py",
            checkpoint="work_dirs/tough_own/iter_2000.pth",
            cache="data/cache",
        ),
        tolerant=dict(
            config="{{ fileDirname }}/tolerant_own.py",
            checkpoint="work_dirs/tolerant_own/iter_2000.pth",
            cache="data/cache",
        ),
    ),
    taps=dict(points="network", features="network.features"),
    losses=dict(
        # constants of the published code; preset="figure" for those of the paper's figure
        kd=dict(
            type="KDLandmarkLoss",
            student="points",
            tough="tough.points",
            tolerant="tolerant.points",
            target="gt_points",
            preset="code",
        )
    ),
    example=dict(type="FaceExample"),
)
