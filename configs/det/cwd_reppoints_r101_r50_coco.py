# CWD (Shu et al., ICCV 2021) on COCO: RepPoints R101 -> RepPoints R50, 24 epochs. No published figure.
_base_ = "../_base_/det/pair_reppoints_r101_r50_coco.py"
model = dict(
    losses=dict(
        cwd=dict(
            type="CWDLoss",
            student="neck",
            teacher="neck",
            temperature=1.0,  # this and the weight as in mmrazor's configs of detectors
            weight=10.0,
        )
    ),
)
