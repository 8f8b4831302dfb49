# Pixel-wise decoupled distillation whose target term has a weight of each picture's own, from the distance of features:
# the first part of FDWA-DKD (Yu et al., IJCARS 2025), a reconstruction from its abstract.
_base_ = "./kd_deeplab_organs.py"
model = dict(
    losses=dict(
        _delete_=True,
        fdwa=dict(
            type="FDWADKDLoss",
            student="logits",
            teacher="logits",
            # ours: which features. Channels of two networks that were trained apart need not mean the same; those of
            # "student.logits" and "teacher.logits", which can stand here as well, do: the classes
            student_features="student.features",
            teacher_features="teacher.features",
            target="gt_sem_seg",
            alpha=1.0,
            beta=0.5,
            temperature=1.0,  # these three as in dkd_deeplab_organs.py
            weighted="target",  # the abstract: weights for the target term
            level="image",  # the abstract: instance-level; ours: that an instance is a picture, not a pixel
            distance="euclidean",  # ours; or cosine. The weights' mean over a batch is 1
        ),
    )
)
