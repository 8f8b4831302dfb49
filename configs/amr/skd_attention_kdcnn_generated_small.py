# SKD with attention transfer (Zagoruyko and Komodakis, ICLR 2017): where in time the last maps are active.
_base_ = "./skd_kdcnn_generated_small.py"
model = dict(
    losses=dict(attention=dict(type="at_loss", student="maps", teacher="maps", p=2, weight=50.0)),  # weight ours
)
