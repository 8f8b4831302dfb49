# What most would try first: L2 to the points and L2 to what the tough teacher says, on COFW.
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
        output=dict(
            type="fitnet_loss", student="points", teacher="tough.points", adapter=None, weight=1.0
        ),  # weight ours
    ),
    example=dict(type="FaceExample"),
)
