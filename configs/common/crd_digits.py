# Contrastive representation distillation (Tian et al., ICLR 2020); fewer negatives, as there are fewer images (ours).
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        crd=dict(
            type="CRDLoss",
            student="embedding",
            teacher="embedding",
            index="gt_index",
            num_samples=1004,  # training digits
            num_negatives=512,
            weight=0.8,
        ),
    ),
)
