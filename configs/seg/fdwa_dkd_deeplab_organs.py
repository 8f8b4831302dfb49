# FDWA-DKD (Yu et al., IJCARS 2025), a reconstruction from its abstract: weighted pixel-wise decoupled distillation,
# and a class-wise loss on where a class is likely.
_base_ = "./fdwa_deeplab_organs.py"
model = dict(
    losses=dict(
        # The abstract has a class-wise loss on the distribution of features that makes the student mimic the teacher's
        # spatial distribution. Ours: channel-wise distillation of the class scores, a softmax over positions for each
        # class, with the temperature and weight of its own authors.
        spread=dict(type="CWDLoss", student="logits", teacher="logits", temperature=4.0, weight=3.0),
    )
)
