# DIST (Huang et al., NeurIPS 2022) on COCO: RetinaNet R101 -> RetinaNet R50, 24 epochs. No published figure. The
# pair is ours: the authors' is on class scores of RetinaNet too.
_base_ = "../_base_/det/pair_retinanet_r101_r50_coco.py"
model = dict(
    taps=dict(scores="bbox_head.retina_cls"),  # of every level
    losses=dict(
        dist=dict(
            type="DenseDISTLoss",
            student="scores",
            teacher="scores",
            num_classes=80,
            beta=1.0,  # the authors', on sigmoid scores
            gamma=1.0,
        )
    ),
)
