# DIST (Huang et al., NeurIPS 2022) in place of SKD's soft term; weights and temperature as the authors' for CIFAR-100.
_base_ = "./skd_kdcnn_rml2016a.py"
model = dict(
    student=dict(loss_weight=1.0),
    losses=dict(
        _delete_=True,
        dist=dict(
            type="dist_loss", student="logits", teacher="logits", beta=1.0, gamma=1.0, temperature=4.0, weight=2.0
        ),
    ),
)
