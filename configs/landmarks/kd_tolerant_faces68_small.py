# KD-Loss with the tolerant teacher alone, on faces68 at 64 pixels.
_base_ = "./student_faces68_small.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student=dict(
        type="LandmarkModel",
        network={{_base_.model.network}},
        loss_weight=0,  # the loss below has the labels
    ),
    teachers=dict(
        tolerant=dict(
            config="{{ fileDirname }}/tolerant_faces68_small.py",
            checkpoint="work_dirs/tolerant_faces68_small/iter_430.pth",
            cache="data/cache",
        ),
    ),
    taps=dict(points="network", features="network.features"),
    losses=dict(
        # constants of the published code; preset="figure" for those of the paper's figure
        kd=dict(
            type="KDLandmarkLoss",
            student="points",
            tolerant="tolerant.points",
            target="gt_points",
            preset="code",
        )
    ),
    example=dict(type="FaceExample"),
)
