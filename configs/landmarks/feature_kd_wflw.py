# L2 to the points and to the tough teacher's features, each channel standardised, on WFLW.
_base_ = "./student_wflw.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student=dict(
        type="LandmarkModel",
        network={{_base_.model.network}},
        loss="mse",
    ),
    teachers=dict(
        tough=dict(
            config="{{ fileDirname }}/tough_wflw.py",
            checkpoint="work_dirs/tough_wflw/iter_80000.pth",
        ),
    ),
    taps=dict(points="network", features="network.features"),
    losses=dict(
        feature=dict(type="pkd_loss", student="features", teacher="tough.features", weight=0.01),  # weight ours
    ),
    example=dict(type="FaceExample"),
)
