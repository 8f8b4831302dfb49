# L2 to the points and to the tough teacher's features, each channel standardised, on COFW.
_base_ = "./student_cofw.py"
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
            config="{{ fileDirname }}/tough_cofw.py",
            checkpoint="work_dirs/tough_cofw/iter_29000.pth",
        ),
    ),
    taps=dict(points="network", features="network.features"),
    losses=dict(
        feature=dict(type="pkd_loss", student="features", teacher="tough.features", weight=0.01),  # weight ours
    ),
    example=dict(type="FaceExample"),
)
