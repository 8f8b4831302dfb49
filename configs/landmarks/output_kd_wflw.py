# What most would try first: L2 to the points and L2 to what the tough teacher says, on WFLW.
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
        output=dict(
            type="fitnet_loss", student="points", teacher="tough.points", adapter=None, weight=1.0
        ),  # weight ours
    ),
    example=dict(type="FaceExample"),
)
