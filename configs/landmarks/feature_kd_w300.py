# L2 to the points and to the tough teacher's features, each channel standardised, on 300W.
_base_ = "./student_w300.py"
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
            config="{{ fileDirname }}/tough_w300.py",
            checkpoint="work_dirs/tough_w300/iter_40500.pth",
        ),
    ),
    taps=dict(points="network", features="network.features"),
    losses=dict(
        feature=dict(type="pkd_loss", student="features", teacher="tough.features", weight=0.01),  # weight ours
    ),
    example=dict(type="FaceExample"),
)
