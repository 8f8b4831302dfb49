# KD-Loss with the tough teacher alone, on faces68 at 64 pixels; its error is the threshold of the main loss (ours).
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
        tough=dict(
            config="{{ fileDirname }}/tough_faces68_small.py",
            checkpoint="work_dirs/tough_faces68_small/iter_430.pth",
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
            target="gt_points",
            preset="code",
        )
    ),
    example=dict(type="FaceExample"),
)
