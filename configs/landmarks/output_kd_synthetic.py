# What most would try first: L2 to the points and L2 to what the tough teacher says, on generated faces.
_base_ = "./student_synthetic.py"
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
            config="{{ fileDirname }}/tough_synthetic.py",
            checkpoint="work_dirs/tough_synthetic/iter_800.pth",
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
