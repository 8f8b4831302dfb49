# What most would try first: L2 to the points and L2 to what the tough teacher says, on 300W.
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
        output=dict(
            type="fitnet_loss", student="points", teacher="tough.points", adapter=None, weight=1.0
        ),  # weight ours
    ),
    example=dict(type="FaceExample"),
)
