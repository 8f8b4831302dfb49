# BPKD (Liu et al., WACV 2024): its loss, rebuilt from figure 3 and re-implementations that agree (SOURCES.md).
_bpkd = dict(
    bpkd=dict(
        type="BPKDLoss",
        student="logits",
        teacher="logits",
        target="gt_sem_seg",
        body_weight=20.0,  # lambda_B and lambda_E as four re-implementations have them
        edge_weight=50.0,
        alpha=2.0,  # second hand, as is the width
        temperature=1.0,
        width=7,
    )
)
