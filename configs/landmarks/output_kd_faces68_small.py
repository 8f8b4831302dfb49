# What most would try first: L2 to the points and L2 to what the tough teacher says, on faces68 at 64 pixels.
_base_ = "./student_faces68_small.py"
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
            config="{{ fileDirname }}/tough_faces68_small.py",
            checkpoint="work_dirs/tough_faces68_small/iter_430.pth",
            cache="data/cache",
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
