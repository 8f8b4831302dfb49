# DIST (Huang et al., NeurIPS 2022) on class scores, numbers of the authors' code for segmentation. They add 0.4 times
# the same on the auxiliary head, which a teacher here does not compute.
_dist = dict(
    dist=dict(type="DISTLoss", student="logits", teacher="logits", beta=1.0, gamma=1.0, temperature=1.0, weight=1.0)
)
