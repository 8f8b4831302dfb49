# MasKD (Huang et al., ICLR 2023) on class scores, numbers of the authors' code for segmentation. They add 0.4 times the
# same on the auxiliary head, which a teacher here does not compute.
_maskd = dict(
    maskd=dict(
        type="MasKDLoss",
        student="logits",
        teacher="logits",
        tokens="work_dirs/tokens_deeplabv3_r101.pth",  # eight, without weights; learnt first, see docs/methods.md
        form="segmentation",
        weight=1.0,
    )
)
