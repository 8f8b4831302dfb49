# SKD with a feature term (ours): the last maps over time, behind a 1x1 convolution, each channel standardised.
_base_ = "./skd_kdcnn_generated_small.py"
model = dict(
    losses=dict(
        feature=dict(type="pkd_loss", student="maps", teacher="maps", adapter="conv1x1", weight=0.5),  # weight ours
    ),
)
