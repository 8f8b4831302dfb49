# Decoupled distillation (Zhao et al., CVPR 2022) in place of SKD's soft term, beside the whole cross-entropy.
_base_ = "./skd_kdcnn_rml2016b.py"
model = dict(
    student=dict(loss_weight=1.0),
    losses=dict(
        _delete_=True,
        # beta ours: few classes are ever in question
        dkd=dict(
            type="dkd_loss", student="logits", teacher="logits", target="gt_label", alpha=1.0, beta=2.0, temperature=4.0
        ),
    ),
)
