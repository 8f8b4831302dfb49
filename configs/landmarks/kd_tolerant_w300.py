# KD-Loss with the tolerant teacher alone, on 300W.
_base_ = "./student_w300.py"
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
            config="{{ fileDirname }}/tolerant_w300.py",
            checkpoint="work_dirs/tolerant_w300/iter_40500.pth",
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
