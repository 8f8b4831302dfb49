# KD-CNN by SKD from ClST, the pair of Hou et al. (IEEE TWC 2024), on the small generated set.
_base_ = "./skd_kdcnn_generated_small.py"
model = dict(
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/clst_xs_generated_small.py",
            checkpoint="work_dirs/clst_xs_generated_small/iter_4000.pth",
        )
    )
)
